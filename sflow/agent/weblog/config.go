package weblog

import (
	"fmt"
	"strings"
)

// Formats of the fields in their order, as the servers name them.
var (
	apacheFields = [numFields]string{"%m", "%>s", "%H", "%I", "%B", "%D", "%A", "%{local}p", "%{c}a", "%{remote}p", "%v", "%u", "%{Content-Type}o",
		"%{Host}i", "%{X-Forwarded-For}i", "%{User-Agent}i", "%{Referer}i", "%r"}
	nginxFields = [numFields]string{"$request_method", "$status", "$server_protocol", "$request_length", "$body_bytes_sent", "$request_time", "$server_addr",
		"$server_port", "$realip_remote_addr", "$realip_remote_port", "$server_name", "$remote_user", "$sent_http_content_type", "$http_host",
		"$http_x_forwarded_for", "$http_user_agent", "$http_referer", "$request"}
)

// ApacheConfig is what goes into Apache's configuration: the log, piped to command, and the status page of an agent
// that listens on page.
func ApacheConfig(command, page string) string {
	return fmt.Sprintf(`# One line for each request goes to the sFlow agent. Virtual servers with a CustomLog of their own need the CustomLog
# line too. %%I needs mod_logio, which Debian's Apache has built in.
LogFormat "%s" tapir_sflow
CustomLog "||%s" tapir_sflow
# The status page; needs mod_proxy and mod_proxy_http.
<IfModule mod_proxy_http.c>
    ProxyPass "/sflow/" "http://%s/sflow/"
</IfModule>
`, `tapir1\t`+strings.Join(apacheFields[:], `\t`), command, page)
}

// NginxConfig is what goes into nginx's configuration, http level: the log, sent to the datagram socket at a path, or to
// udp:ADDRESS:PORT.
func NginxConfig(to, page string) string {
	server, udp := strings.CutPrefix(to, "udp:")
	if !udp {
		server = "unix:" + to
	}
	return fmt.Sprintf(`# One datagram for each request goes to the sFlow agent. Servers with an access_log of their own need the access_log
# line too. nginx does not wait for the socket: what it cannot take is lost.
log_format tapir_sflow escape=default
    "%s";
access_log syslog:server=%s,nohostname,tag=tapir tapir_sflow;
# The status page, inside a server:
#   location /sflow/ { proxy_pass http://%s; proxy_set_header X-Forwarded-Host $host; }
`, `tapir1\t`+strings.Join(nginxFields[:], `\t`), server, page)
}
