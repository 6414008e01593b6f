package sflow

// Classes of flow records, as sflowtool introduces them.
const (
	flowSample = "flowSampleType"
	extended   = "extendedType"
)

// Fields that several records share.
var (
	ethernetFields = fields(u32("ethernet_len"), of(MAC, "ethernet_src ethernet_dst"), u32("ethernet_type"))
	ip4Fields      = fields(u32("IPSize IPProtocol"), of(IP4, "srcIP dstIP"), u32("srcPort dstPort TCPFlags IPTOS"))
	ip6Fields      = fields(u32("IPSize IPProtocol"), of(IP6, "srcIP6 dstIP6"), u32("srcPort dstPort TCPFlags priority"))
)

// flowLayouts are the records of flow and discard samples: sFlow version 5 §5, and the extensions listed at
// sflow.org/developers/structures.php.
var flowLayouts = []Layout{
	{Tag: TagHeader, Class: flowSample, Name: "HEADER", Fields: fields(u32("headerProtocol sampledPacketSize strippedBytes"), of(Opaque, "headerBytes"))},
	{Tag: TagEthernet, Class: flowSample, Name: "ETHERNET", Fields: ethernetFields},
	{Tag: TagIPv4, Class: flowSample, Name: "IPV4", Fields: ip4Fields},
	{Tag: TagIPv6, Class: flowSample, Name: "IPV6", Fields: ip6Fields},
	{Tag: TagSwitch, Class: extended, Name: "SWITCH", Fields: u32("in_vlan in_priority out_vlan out_priority")},
	{Tag: TagRouter, Class: extended, Name: "ROUTER", Fields: fields(of(Addr, "nextHop"), u32("srcSubnetMask dstSubnetMask"))},
	{Tag: TagGateway, Class: extended, Name: "GATEWAY", Fields: fields(of(Addr, "bgp_nexthop"), u32("my_as src_as src_peer_as"), of(ASPath, "dst_as_path"), of(Words, "BGP_communities"), u32("BGP_localpref"))},
	{Tag: TagUser, Class: extended, Name: "USER", Fields: fields(u32("src_user_charset"), text(200, "src_user"), u32("dst_user_charset"), text(200, "dst_user"))},
	{Tag: TagURL, Class: extended, Name: "URL", Fields: fields(u32("url_direction"), text(200, "url host"))},
	{Tag: TagMPLS, Class: extended, Name: "MPLS", Fields: fields(of(Addr, "mpls_nexthop"), of(Labels, "mpls_input_stack mpls_output_stack"))},
	{Tag: TagNAT, Class: extended, Name: "NAT", Fields: of(Addr, "nat_src nat_dst")},
	{Tag: TagMPLSTunnel, Name: "mpls_tunnel", Fields: fields(text(100, "mpls_tunnel_lsp_name"), u32("mpls_tunnel_id mpls_tunnel_cos"))},
	{Tag: TagMPLSVC, Name: "mpls_vc", Fields: fields(text(100, "mpls_vc_name"), u32("mpls_vll_vc_id mpls_vc_cos"))},
	{Tag: TagMPLSFTN, Name: "mpls_ftn", Fields: fields(text(100, "mpls_ftn_descr"), u32("mpls_ftn_mask"))},
	{Tag: TagMPLSLDPFEC, Name: "mpls_ldp_fec", Fields: u32("mpls_fec_addr_prefix_len")},
	{Tag: TagVLANTunnel, Name: "vlan_tunnel", Fields: of(Tags, "vlan_tunnel")},
	{Tag: TagWifiPayload, Name: "wifi_payload", Fields: fields(u32("cipher_suite headerProtocol sampledPacketSize strippedBytes"), of(Opaque, "headerBytes"))},
	{Tag: TagWifiRx, Name: "wifi_rx", Fields: fields(text(256, "rx_SSID"), of(MAC, "rx_BSSID"), u32("rx_version rx_channel"), u64("rx_speed"), u32("rx_rsni rx_rcpi rx_packet_uS"))},
	{Tag: TagWifiTx, Name: "wifi_tx", Fields: fields(text(256, "tx_SSID"), of(MAC, "tx_BSSID"), u32("tx_version tx_transmissions tx_packet_uS tx_retrans_uS tx_channel"), u64("tx_speed"), u32("tx_power_mW"))},
	{Tag: TagAggregation, Name: "wifi_aggregation", Fields: of(PDUs, "aggregation_pdus")},
	{Tag: TagNATPort, Class: extended, Name: "NAT PORT", Fields: u32("nat_src_port nat_dst_port")},
	{Tag: TagL2TunnelOut, Class: flowSample, Name: "ETHERNET", Prefix: "tunnel_l2_out_", Fields: ethernetFields},
	{Tag: TagL2TunnelIn, Class: flowSample, Name: "ETHERNET", Prefix: "tunnel_l2_in_", Fields: ethernetFields},
	{Tag: TagIP4TunnelOut, Class: flowSample, Name: "IPV4", Prefix: "tunnel_ipv4_out_", Fields: ip4Fields},
	{Tag: TagIP4TunnelIn, Class: flowSample, Name: "IPV4", Prefix: "tunnel_ipv4_in_", Fields: ip4Fields},
	{Tag: TagIP6TunnelOut, Class: flowSample, Name: "IPV6", Prefix: "tunnel_ipv6_out_", Fields: ip6Fields},
	{Tag: TagIP6TunnelIn, Class: flowSample, Name: "IPV6", Prefix: "tunnel_ipv6_in_", Fields: ip6Fields},
	{Tag: TagDecapOut, Class: extended, Name: "decap", Prefix: "out_", Fields: u32("decap_inner_header_offset")},
	{Tag: TagDecapIn, Class: extended, Name: "decap", Prefix: "in_", Fields: u32("decap_inner_header_offset")},
	{Tag: TagVNIOut, Class: extended, Name: "VNI", Prefix: "out_", Fields: u32("VNI")},
	{Tag: TagVNIIn, Class: extended, Name: "VNI", Prefix: "in_", Fields: u32("VNI")},
	{Tag: TagEgressQueue, Class: extended, Name: "egress_queue", Fields: u32("egress_queue_id")},
	{Tag: TagACL, Class: extended, Name: "acl", Fields: fields(u32("acl_number"), text(0, "acl_name"), u32("acl_direction"))},
	{Tag: TagFunction, Class: extended, Name: "function", Fields: text(64, "symbol")},
	{Tag: TagTransitDelay, Class: extended, Name: "transit_delay", Fields: u32("transit_delay_nS")},
	{Tag: TagQueueDepth, Class: extended, Name: "queue_depth", Fields: u32("queue_depth_bytes")},
	{Tag: TagHardwareTrap, Class: extended, Name: "hw_trap", Fields: text(64, "hw_trap_group hw_trap_name")},
	{Tag: TagLinuxReason, Class: extended, Name: "linux_reason", Fields: text(64, "linux_drop_reason")},
	{Tag: TagTimestamp, Class: extended, Name: "timestamp", Fields: u64("timestamp_nS")},
	{Tag: TagSocket4, Class: extended, Name: "socket4", Fields: fields(u32("socket4_ip_protocol"), of(IP4, "socket4_local_ip socket4_remote_ip"), u32("socket4_local_port socket4_remote_port"))},
	{Tag: TagSocket6, Class: extended, Name: "socket6", Fields: fields(u32("socket6_ip_protocol"), of(IP6, "socket6_local_ip socket6_remote_ip"), u32("socket6_local_port socket6_remote_port"))},
	{Tag: TagProxySocket4, Class: extended, Name: "proxy_socket4", Fields: fields(u32("proxy_socket4_ip_protocol"), of(IP4, "proxy_socket4_local_ip proxy_socket4_remote_ip"), u32("proxy_socket4_local_port proxy_socket4_remote_port"))},
	{Tag: TagProxySocket6, Class: extended, Name: "proxy_socket6", Fields: fields(u32("proxy_socket6_ip_protocol"), of(IP6, "proxy_socket6_local_ip proxy_socket6_remote_ip"), u32("proxy_socket6_local_port proxy_socket6_remote_port"))},
	{Tag: TagMemcache, Class: flowSample, Name: "memcache", Fields: fields(u32("memcache_op_protocol memcache_op_cmd"), text(255, "memcache_op_key"), u32("memcache_op_nkeys memcache_op_value_bytes memcache_op_duration_uS memcache_op_status"))},
	{Tag: TagHTTPOld, Class: flowSample, Name: "http", Fields: fields(u32("http_method http_protocol"), text(255, "http_uri"), text(64, "http_host"), text(255, "http_referrer"), text(128, "http_useragent"), text(32, "http_authuser"), text(64, "http_mimetype"), u64("http_bytes"), u32("http_duration_uS http_status"))},
	{Tag: TagHTTP, Class: flowSample, Name: "http", Fields: fields(u32("http_method http_protocol"), text(255, "http_uri"), text(64, "http_host"), text(255, "http_referrer"), text(128, "http_useragent"), text(64, "http_xff"), text(32, "http_authuser"), text(64, "http_mimetype"), u64("http_request_bytes http_bytes"), u32("http_duration_uS http_status"))},
	{Tag: TagHTTPProxy, Class: extended, Name: "http_proxy", Fields: text(255, "proxy_uri proxy_host")},
	{Tag: TagApplication, Class: flowSample, Name: "applicationOperation", Fields: fields(text(32, "application operation"), text(255, "attributes"), text(32, "status_descr"), u64("request_bytes response_bytes"), u32("duration_uS status"))},
	{Tag: TagAppContext, Name: "app_context", Fields: fields(text(32, "server_context_application server_context_operation"), text(255, "server_context_attributes"))},
	{Tag: TagAppInitiator, Name: "app_initiator", Fields: text(64, "actor_initiator")},
	{Tag: TagAppTarget, Name: "app_target", Fields: text(64, "actor_target")},
	{Tag: TagTCPInfo, Name: "tcp_info", Fields: u32("tcpinfo_direction tcpinfo_send_mss tcpinfo_receive_mss tcpinfo_unacked_pkts tcpinfo_lost_pkts tcpinfo_retrans_pkts tcpinfo_path_mtu tcpinfo_rtt_uS tcpinfo_rtt_uS_var tcpinfo_send_congestion_win tcpinfo_reordering tcpinfo_rtt_uS_min")},
	{Tag: TagEntities, Class: extended, Name: "entities", Fields: u32("entities_src_class entities_src_index entities_dst_class entities_dst_index")},
}

// oldLayouts are the records of versions 2 and 4 that differ from those of version 5.
var oldLayouts = []Layout{
	{Tag: headerOld, Class: flowSample, Name: "HEADER", Fields: fields(u32("headerProtocol sampledPacketSize"), of(Opaque, "headerBytes"))},
	{Tag: userOld, Class: extended, Name: "USER", Fields: text(200, "src_user dst_user")},
	{Tag: urlOld, Class: extended, Name: "URL", Fields: fields(u32("url_direction"), text(200, "url"))},
	{Tag: gatewayOld, Class: extended, Name: "GATEWAY", Fields: fields(u32("my_as src_as src_peer_as"), of(ASPath, "dst_as_path"), of(Words, "BGP_communities"), u32("BGP_localpref"))},
	{Tag: gatewayOldest, Class: extended, Name: "GATEWAY", Fields: fields(u32("my_as src_as src_peer_as"), of(Words, "dst_as_path"))},
}
