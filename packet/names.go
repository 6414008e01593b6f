package packet

// layerNames is what layers add to network.protocol, in that order: tunnels, then transports. Link headers, VLAN tags and
// IP in all its nestings add nothing: fields of their own tell of them, and so do ERSPAN's GRE and PPPoE's PPP.
var layerNames = [...]struct {
	layers Layers
	name   string
}{
	{LayerMPLS, "mpls"},
	{LayerPPPoE, "pppoe"},
	{LayerPPP, "ppp"},
	{LayerGRE, "gre"},
	{LayerEtherIP, "etherip"},
	{LayerL2TP, "l2tp"},
	{LayerVXLAN, "vxlan"},
	{LayerVXLANGPE, "vxlan-gpe"},
	{LayerGENEVE, "geneve"},
	{LayerNSH, "nsh"},
	{LayerGTP, "gtp"},
	{LayerARP, "arp"},
	{LayerTCP, "tcp"},
	{LayerUDP, "udp"},
	{LayerSCTP, "sctp"},
	{LayerICMP | LayerICMPv6, "icmp"},
	{LayerIGMP, "igmp"},
	{LayerAH, "ah"},
	{LayerESP, "esp"},
}

// AppendNames appends the names that l adds to network.protocol to dst and returns it. Protocols above the layers
// (OSPF, LLDP) name themselves, and so does a Verdict.
func (l Layers) AppendNames(dst []string) []string {
	if l.Has(LayerPPPoE) {
		l &^= LayerPPP
	}
	if l.Has(LayerESP) {
		l &^= LayerAH // what is authenticated is named by what it protects only if that can be read
	}
	for i := range layerNames {
		if e := &layerNames[i]; l.Has(e.layers) {
			dst = append(dst, e.name)
		}
	}
	return dst
}

// ProtoName is the IANA keyword of an IP protocol number in lower case, "" if it has none.
func ProtoName(num uint8) string {
	if int(num) < len(protoNames) {
		return protoNames[num]
	}
	return ""
}

// protoNames is IANA's table of assigned internet protocol numbers (RFC 5237); numbers above are unassigned, for
// experiments or reserved.
var protoNames = [...]string{
	"hopopt", "icmp", "igmp", "ggp", "ipv4", "st", "tcp", "cbt", "egp", "igp",
	"bbn-rcc-mon", "nvp-ii", "pup", "argus", "emcon", "xnet", "chaos", "udp", "mux", "dcn-meas",
	"hmp", "prm", "xns-idp", "trunk-1", "trunk-2", "leaf-1", "leaf-2", "rdp", "irtp", "iso-tp4",
	"netblt", "mfe-nsp", "merit-inp", "dccp", "3pc", "idpr", "xtp", "ddp", "idpr-cmtp", "tp++",
	"il", "ipv6", "sdrp", "ipv6-route", "ipv6-frag", "idrp", "rsvp", "gre", "dsr", "bna",
	"esp", "ah", "i-nlsp", "swipe", "min-ipv4", "mobile", "tlsp", "skip", "ipv6-icmp", "ipv6-nonxt",
	"ipv6-opts", "", "cftp", "", "sat-expak", "kryptolan", "rvd", "ippc", "", "sat-mon",
	"visa", "ipcv", "cpnx", "cphb", "wsn", "pvp", "br-sat-mon", "sun-nd", "wb-mon", "wb-expak",
	"iso-ip", "vmtp", "secure-vmtp", "vines", "iptm", "nsfnet-igp", "dgp", "tcf", "eigrp", "ospf",
	"sprite-rpc", "larp", "mtp", "ax.25", "ipip", "micp", "scc-sp", "etherip", "encap", "",
	"gmtp", "ifmp", "pnni", "pim", "aris", "scps", "qnx", "a/n", "ipcomp", "snp",
	"compaq-peer", "ipx-in-ip", "vrrp", "pgm", "", "l2tp", "ddx", "iatp", "stp", "srp",
	"uti", "smp", "sm", "ptp", "isis", "fire", "crtp", "crudp", "sscopmce", "iplt",
	"sps", "pipe", "sctp", "fc", "rsvp-e2e-ignore", "mobility", "udplite", "mpls-in-ip", "manet", "hip",
	"shim6", "wesp", "rohc", "ethernet", "aggfrag", "nsh",
}
