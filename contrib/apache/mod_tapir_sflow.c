/* mod_tapir_sflow counts the requests of Apache 2.4 and draws one in N of them for Tapir's sFlow agent.
 *
 * Counters are in memory that is shared with the agent: a file that Apache's parent process makes and every child has
 * mapped. The agent reads the counters at its own times and writes N. A request that is drawn goes to the agent as one
 * datagram, to a socket of the file system that is not waited for: what it cannot take is counted as dropped. There is
 * no process and no thread of this module's own. A request that is not drawn costs three atomic additions.
 *
 * Build and install:  apxs -i -a -c mod_tapir_sflow.c -lm
 * Agent:              tapir sflow agent --apache
 *
 * The layout of the file and of the datagram is that of sflow/agent/apache, in the machine's byte order; what changes
 * it changes MAGIC. */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "httpd.h"
#include "http_config.h"
#include "http_connection.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "ap_listen.h"
#include "ap_mpm.h"
#include "apr_optional.h"
#include "apr_strings.h"
#include "mod_watchdog.h"
#include "scoreboard.h"
#include "unixd.h"
#include "util_filter.h"

#define MAGIC 0x54534631u /* "TSF1" */
#define SLOTS 64
#define DEFAULT_FILE "/run/tapir/http.shm"
#define DEFAULT_SOCKET "/run/tapir/http.sock"
#define AGENT_GROUP "tapir"

module AP_MODULE_DECLARE_DATA tapir_sflow_module;

/* Methods by sFlow's numbers; every other one is METHOD_OTHER. */
enum { METHOD_OTHER, METHOD_OPTIONS, METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_PUT, METHOD_DELETE, METHOD_TRACE, METHOD_CONNECT, METHOD_NUMBERS };
#define CLASSES 6 /* of status: 1XX to 5XX, others */

/* A child counts in a slot; slots are apart, so that processors do not fight for cache lines. */
struct slot {
    uint64_t methods[METHOD_NUMBERS];
    uint64_t status[CLASSES];
    uint64_t drawn, dropped;
    uint64_t unused[7];
};

struct shared {
    uint32_t magic, size;
    uint32_t rate;                 /* N, written by the agent; 0: nothing is drawn */
    uint32_t port;                 /* lowest that Apache listens on */
    uint32_t active, idle, most;   /* workers, as of workers_at */
    uint32_t workers_at;           /* s since 1970, 32 bits; 0: not known */
    uint32_t next;                 /* slot of the next child */
    uint32_t uid;                  /* of the children: from whom the agent takes datagrams */
    uint32_t unused[54];
    struct slot slots[SLOTS];
};

/* A datagram: this and the texts, one behind the other. */
enum { TEXT_URI, TEXT_HOST, TEXT_REFERRER, TEXT_AGENT, TEXT_XFF, TEXT_USER, TEXT_TYPE, TEXT_SERVER, TEXTS };
static const size_t text_most[TEXTS] = {255, 72, 255, 128, 64, 32, 64, 64}; /* Host with its port */

struct sample {
    uint32_t magic, rate, method, protocol, status, micros;
    uint64_t request_bytes, response_bytes;
    uint16_t local_port, remote_port;
    uint8_t family, unused[3]; /* 4, 6, or 0 where there are no addresses */
    uint8_t local[16], remote[16];
    uint16_t text[TEXTS];
};

typedef char check_slot[sizeof(struct slot) == 192 ? 1 : -1];
typedef char check_shared[sizeof(struct shared) == 256 + 192 * SLOTS ? 1 : -1];
typedef char check_sample[sizeof(struct sample) == 96 ? 1 : -1];

/* Configuration, of the whole server. */
static const char *conf_file, *conf_socket, *conf_group;
static int conf_on;

/* The process's own. */
static struct shared *shared;
static struct slot *slot;
static int sock = -1;
static uint32_t connected, tried_at; /* tried_at: s */
static uint32_t rate_seen;
static int64_t skip; /* requests up to the next that is drawn, that one included */
static uint64_t random_state;

#define LOAD(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define STORE(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define ADD(p, v) __atomic_fetch_add(p, v, __ATOMIC_RELAXED)

/* ---- drawing ---- */

/* draw gives the number of requests up to the next that is drawn, that one included: geometrically distributed with
 * mean n, which draws every request with probability 1/n, whatever was drawn before. The numbers are splitmix64's. */
static int64_t draw(uint32_t n)
{
    uint64_t x = ADD(&random_state, 0x9e3779b97f4a7c15u);

    if (n <= 1)
        return 1;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    x ^= x >> 31;
    return 1 + (int64_t)(log(((double)(x >> 11) + 1) / 9007199254740992.0) / log1p(-1.0 / n));
}

/* drawn says whether this request is, of which one in n should be. Requests that others count meanwhile are subtracted
 * already, so nothing is lost by adding. */
static int drawn(uint32_t n)
{
    if (n != LOAD(&rate_seen)) {
        STORE(&rate_seen, n);
        STORE(&skip, n ? draw(n) : 0);
    }
    if (n == 0 || ADD(&skip, -1) > 1)
        return 0;
    ADD(&skip, draw(n));
    return 1;
}

/* ---- bytes of requests ---- */

struct bytes {
    apr_off_t in, logged; /* in all; up to the last request that was logged */
};

/* count_in counts what is read from the connection, above TLS. */
static apr_status_t count_in(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode, apr_read_type_e block, apr_off_t want)
{
    apr_status_t rv = ap_get_brigade(f->next, bb, mode, block, want);
    apr_off_t n = 0;

    if (rv == APR_SUCCESS && mode != AP_MODE_SPECULATIVE && apr_brigade_length(bb, 0, &n) == APR_SUCCESS && n > 0)
        ((struct bytes *)f->ctx)->in += n;
    return rv;
}

static int pre_connection(conn_rec *c, void *csd)
{
    if (shared != NULL) {
        struct bytes *b = apr_pcalloc(c->pool, sizeof *b);
        ap_set_module_config(c->conn_config, &tapir_sflow_module, b);
        ap_add_input_filter("TAPIR_SFLOW_IN", b, NULL, c);
    }
    return OK;
}

static int add_header(void *sum, const char *key, const char *value)
{
    *(apr_off_t *)sum += strlen(key) + strlen(value) + 4;
    return 1;
}

/* request_bytes is the length of a request with its header. Where the connection was not read through the filter, it is
 * that of the request as HTTP/1.1 would have it. */
static apr_off_t request_bytes(request_rec *r, apr_off_t counted)
{
    apr_off_t n = 4 + r->read_length;

    if (counted > 0)
        return counted;
    if (r->the_request != NULL)
        n += strlen(r->the_request);
    apr_table_do(add_header, &n, r->headers_in, NULL);
    return n;
}

/* ---- sending ---- */

/* deliver sends a datagram if that is possible at once. Nobody waits: an agent that is not there is looked for again
 * after a second. A socket may be connected again at any time, by any thread. */
static int deliver(const void *b, size_t n)
{
    if (sock < 0)
        return 0;
    if (!LOAD(&connected)) {
        uint32_t now = (uint32_t)time(NULL), before = LOAD(&tried_at);
        struct sockaddr_un to = {.sun_family = AF_UNIX};

        if (now == before || !__atomic_compare_exchange_n(&tried_at, &before, now, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return 0;
        apr_cpystrn(to.sun_path, conf_socket, sizeof to.sun_path);
        if (connect(sock, (struct sockaddr *)&to, sizeof to) != 0)
            return 0;
        STORE(&connected, 1);
    }
    if (send(sock, b, n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n)
        return 1;
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS)
        STORE(&connected, 0);
    return 0;
}

static int put_addr(uint8_t *to, uint16_t *port, const apr_sockaddr_t *a)
{
    if (a == NULL)
        return 0;
    *port = a->port;
    if (a->family == APR_INET) {
        memcpy(to, &a->sa.sin.sin_addr, 4);
        return 4;
    }
    if (a->family == APR_INET6) {
        memcpy(to, &a->sa.sin6.sin6_addr, 16);
        return 6;
    }
    return 0;
}

/* tell sends a request. last is what became of it after internal redirects. */
static int tell(request_rec *r, request_rec *last, uint32_t rate, uint32_t method, apr_off_t counted)
{
    char buf[sizeof(struct sample) + 1024], *p = buf + sizeof(struct sample);
    struct sample s = {.magic = MAGIC, .rate = rate, .method = method, .status = (uint32_t)last->status};
    const char *text[TEXTS];
    apr_time_t took = apr_time_now() - r->request_time;
    int i, family;

    s.protocol = r->proto_num > 0 ? (uint32_t)r->proto_num : 0;
    s.micros = took < 0 ? 0 : took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
    s.request_bytes = (uint64_t)request_bytes(r, counted);
    /* Of a response to HEAD, and of one without a body, nothing was sent but the header. */
    s.response_bytes = last->header_only || AP_STATUS_IS_HEADER_ONLY(last->status) ? 0 : (uint64_t)last->bytes_sent;
    family = put_addr(s.local, &s.local_port, r->connection->local_addr);
    s.family = put_addr(s.remote, &s.remote_port, r->connection->client_addr) == family ? family : 0;

    text[TEXT_URI] = r->unparsed_uri;
    text[TEXT_HOST] = apr_table_get(r->headers_in, "Host");
    text[TEXT_REFERRER] = apr_table_get(r->headers_in, "Referer");
    text[TEXT_AGENT] = apr_table_get(r->headers_in, "User-Agent");
    text[TEXT_XFF] = apr_table_get(r->headers_in, "X-Forwarded-For");
    text[TEXT_USER] = r->user;
    text[TEXT_TYPE] = last->content_type;
    text[TEXT_SERVER] = r->server->server_hostname;
    for (i = 0; i < TEXTS; i++) {
        size_t n = text[i] == NULL ? 0 : strnlen(text[i], text_most[i]);
        memcpy(p, n ? text[i] : "", n);
        s.text[i] = (uint16_t)n;
        p += n;
    }
    memcpy(buf, &s, sizeof s);
    return deliver(buf, (size_t)(p - buf));
}

static uint32_t method_of(const request_rec *r)
{
    switch (r->method_number) {
    case M_OPTIONS: return METHOD_OPTIONS;
    case M_GET:     return r->method != NULL && strcmp(r->method, "HEAD") == 0 ? METHOD_HEAD : METHOD_GET;
    case M_POST:    return METHOD_POST;
    case M_PUT:     return METHOD_PUT;
    case M_DELETE:  return METHOD_DELETE;
    case M_TRACE:   return METHOD_TRACE;
    case M_CONNECT: return METHOD_CONNECT;
    }
    return METHOD_OTHER;
}

static int log_transaction(request_rec *r)
{
    struct bytes *b = ap_get_module_config(r->connection->conn_config, &tapir_sflow_module);
    request_rec *last = r;
    apr_off_t counted = 0;
    uint32_t method, rate;
    int class;

    if (shared == NULL || slot == NULL)
        return DECLINED;
    while (last->next != NULL)
        last = last->next;
    if (b != NULL) {
        counted = b->in - b->logged;
        b->logged = b->in;
    }
    method = r->method == NULL ? METHOD_OTHER : method_of(r);
    class = last->status / 100 - 1;
    if (class < 0 || class >= CLASSES - 1)
        class = CLASSES - 1;
    ADD(&slot->methods[method], 1);
    ADD(&slot->status[class], 1);
    rate = LOAD(&shared->rate);
    if (drawn(rate)) {
        ADD(&slot->drawn, 1);
        if (!tell(r, last, rate, method, counted))
            ADD(&slot->dropped, 1);
    }
    return DECLINED;
}

/* ---- workers ---- */

/* Once a second one child counts the workers in the scoreboard, if mod_watchdog is there. */
static apr_status_t count_workers(int state, void *data, apr_pool_t *pool)
{
    uint32_t active = 0, idle = 0;
    int daemons = 0, threads = 0, i, j;

    if (state != AP_WATCHDOG_STATE_RUNNING || shared == NULL || !ap_exists_scoreboard_image())
        return APR_SUCCESS;
    ap_mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, &daemons);
    ap_mpm_query(AP_MPMQ_HARD_LIMIT_THREADS, &threads);
    for (i = 0; i < daemons; i++) {
        process_score *process = ap_get_scoreboard_process(i);
        if (process == NULL || process->pid == 0)
            continue;
        for (j = 0; j < threads; j++) {
            worker_score *w = ap_get_scoreboard_worker_from_indexes(i, j);
            if (w == NULL || w->status == SERVER_DEAD || w->status == SERVER_STARTING || w->status == SERVER_IDLE_KILL)
                continue;
            if (w->status == SERVER_READY)
                idle++;
            else
                active++;
        }
    }
    STORE(&shared->active, active);
    STORE(&shared->idle, idle);
    STORE(&shared->most, (uint32_t)(daemons * threads));
    STORE(&shared->workers_at, (uint32_t)time(NULL));
    return APR_SUCCESS;
}

/* watch has mod_watchdog call count_workers, where it is there. */
static void watch(server_rec *s)
{
    APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) *get = APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) *add = APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    ap_watchdog_t *w;

    if (get == NULL || add == NULL || get(&w, "_tapir_sflow_", 0, 1, s->process->pconf) != APR_SUCCESS
        || add(w, apr_time_from_sec(1), NULL, count_workers) != APR_SUCCESS)
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, s, "tapir_sflow: workers are not counted, for want of mod_watchdog");
}

/* ---- start ---- */

static apr_status_t unmap(void *m)
{
    shared = NULL;
    munmap(m, sizeof(struct shared));
    return APR_SUCCESS;
}

/* map opens the file, or makes it. One that is there is counted on in, so that counters survive a restart. */
static struct shared *map(server_rec *s)
{
    struct group *g = getgrnam(conf_group);
    struct stat st;
    struct shared *m;
    char *dir = ap_make_dirstr_parent(s->process->pconf, conf_file);
    int fd;

    if (mkdir(dir, 0755) != 0 && errno != EEXIST)
        ap_log_error(APLOG_MARK, APLOG_WARNING, errno, s, "tapir_sflow: mkdir %s", dir);
    fd = open(conf_file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
        ap_log_error(APLOG_MARK, APLOG_ERR, fd < 0 ? errno : 0, s, "tapir_sflow: %s cannot be used (it must be a file of Apache's own user); "
                     "requests are not counted", conf_file);
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    if (g != NULL && fchown(fd, (uid_t)-1, g->gr_gid) == 0)
        fchmod(fd, 0660);
    else
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, s, "tapir_sflow: no group %s: only root can read %s", conf_group, conf_file);
    if (ftruncate(fd, sizeof *m) != 0 || (m = mmap(NULL, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) == MAP_FAILED) {
        ap_log_error(APLOG_MARK, APLOG_ERR, errno, s, "tapir_sflow: map %s", conf_file);
        close(fd);
        return NULL;
    }
    close(fd);
    if (m->magic != MAGIC || m->size != sizeof *m)
        memset(m, 0, sizeof *m);
    m->size = sizeof *m;
    return m;
}

static int post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    struct shared *m;
    uint32_t port = 0;
    ap_listen_rec *l;

    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG || !conf_on || (m = map(s)) == NULL)
        return OK;
    for (l = ap_listeners; l != NULL; l = l->next)
        if (l->bind_addr != NULL && (port == 0 || l->bind_addr->port < port))
            port = l->bind_addr->port;
    m->port = port;
    m->uid = (uint32_t)(geteuid() == 0 ? ap_unixd_config.user_id : geteuid());
    m->workers_at = 0;
    __atomic_store_n(&m->magic, MAGIC, __ATOMIC_RELEASE);
    shared = m;
    watch(s);
    apr_pool_cleanup_register(pconf, m, unmap, apr_pool_cleanup_null);
    return OK;
}

static void child_init(apr_pool_t *p, server_rec *s)
{
    struct timespec t;

    if (shared == NULL)
        return;
    slot = &shared->slots[ADD(&shared->next, 1) % SLOTS];
    clock_gettime(CLOCK_REALTIME, &t);
    random_state = ((uint64_t)getpid() << 40) ^ (uint64_t)t.tv_sec << 30 ^ (uint64_t)t.tv_nsec;
    sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* ---- configuration ---- */

static int pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    conf_file = DEFAULT_FILE;
    conf_socket = DEFAULT_SOCKET;
    conf_group = AGENT_GROUP;
    conf_on = 1;
    return OK;
}

static const char *set_on(cmd_parms *cmd, void *dummy, int on)
{
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    conf_on = on;
    return err;
}

static const char *set_text(cmd_parms *cmd, void *dummy, const char *value)
{
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    if (err == NULL && cmd->info != &conf_group && value[0] != '/')
        return "wants an absolute path";
    if (err == NULL && cmd->info == &conf_socket && strlen(value) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return "the path is too long for a socket";
    *(const char **)cmd->info = value;
    return err;
}

static const command_rec commands[] = {
    AP_INIT_FLAG("TapirSflow", set_on, NULL, RSRC_CONF, "On (default) or Off"),
    AP_INIT_TAKE1("TapirSflowFile", set_text, &conf_file, RSRC_CONF, "file of the counters (default " DEFAULT_FILE ")"),
    AP_INIT_TAKE1("TapirSflowSocket", set_text, &conf_socket, RSRC_CONF, "socket of the agent (default " DEFAULT_SOCKET ")"),
    AP_INIT_TAKE1("TapirSflowGroup", set_text, &conf_group, RSRC_CONF, "group that the agent belongs to (default " AGENT_GROUP ")"),
    {NULL}
};

static void register_hooks(apr_pool_t *p)
{
    ap_hook_pre_config(pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_pre_connection(pre_connection, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_log_transaction(log_transaction, NULL, NULL, APR_HOOK_MIDDLE);
    ap_register_input_filter("TAPIR_SFLOW_IN", count_in, NULL, AP_FTYPE_CONNECTION);
}

AP_DECLARE_MODULE(tapir_sflow) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, commands, register_hooks};
