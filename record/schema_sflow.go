package record

import "strings"

// sflowFields belong to samples: what is known of every sample, then every field of sFlow's records (package sflow), as
// "sflow." and the name that sflowtool and the MIBs have for it. That name is an alias too.
var sflowFields = append([]Field{
	{Name: "sflow.type", Type: TypeTerm, Kinds: InSample, Aliases: []string{"sample.type"}, Desc: "Type of sample: flow, counters, discard, metric, flow_keys, netflow, event"},
	{Name: "sflow.version", Type: TypeInt, Kinds: InSample, Aliases: []string{"datagramVersion"}, Desc: "Version of the datagram: 2, 4, 5; of NetFlow 5, 9, 10 (IPFIX)"},
	{Name: "observer.ip", Type: TypeIP, Kinds: InSample, Aliases: []string{"agent", "exporter"}, Desc: "Address of the agent or exporter that sent the sample"},
	{Name: "sflow.sender_ip", Type: TypeIP, Kinds: InSample, Aliases: []string{"datagramSourceIP"}, Desc: "Address the datagram came from, where it is not that of the agent"},
	{Name: "sflow.sub_agent", Type: TypeInt, Kinds: InSample, Aliases: []string{"agentSubId"}, Desc: "Number of the process within the agent; observation domain of NetFlow"},
	{Name: "sflow.datagram_sequence", Type: TypeInt, Kinds: InSample, Aliases: []string{"packetSequenceNo"}, Desc: "Sequence number of the datagram"},
	{Name: "sflow.uptime", Type: TypeDuration, Kinds: InSample, Aliases: []string{"sysUpTime"}, Desc: "Time since the agent started"},
	{Name: "sflow.sequence", Type: TypeInt, Kinds: InSample, Aliases: []string{"sampleSequenceNo"}, Desc: "Sequence number of the sample, by source"},
	{Name: "sflow.source_class", Type: TypeInt, Kinds: InSample, Desc: "Class of the source: 0 interface, 1 VLAN, 2 physical, 3 logical entity"},
	{Name: "sflow.source_index", Type: TypeInt, Kinds: InSample, Desc: "Index of the source within its class: ifIndex, VLAN, or the port of a server application"},
	{Name: "sflow.source_name", Type: TypeTerm, Kinds: InSample, Desc: "Name of the source, in samples that have names"},
	{Name: "sflow.sampling_rate", Type: TypeInt, Kinds: InSample, Aliases: []string{"meanSkipCount"}, Desc: "One of so many packets was sampled, as the agent says"},
	{Name: "sflow.weight", Type: TypeInt, Kinds: InSample, Desc: "How many packets, or requests, the sample stands for: the sampling rate, or more where samples before it were lost"},
	{Name: "sflow.sample_pool", Type: TypeInt, Kinds: InSample, Aliases: []string{"samplePool"}, Desc: "Packets that could have been sampled since the agent started"},
	{Name: "sflow.drops", Type: TypeInt, Kinds: InSample, Aliases: []string{"dropEvents"}, Desc: "Samples that the agent lost since it started"},
	{Name: "sflow.input", Type: TypeInt, Kinds: InSample, Aliases: []string{"inputPort"}, Desc: "ifIndex the packet came in by; 0 if unknown, 1073741823 is the device itself"},
	{Name: "sflow.output", Type: TypeInt, Kinds: InSample, Aliases: []string{"outputPort"}, Desc: "ifIndex the packet went out by; 0 if unknown, 1073741823 is the device itself"},
	{Name: "sflow.output_count", Type: TypeInt, Kinds: InSample, Desc: "Interfaces the packet went out by, where they were several; 0 if their number is unknown"},
	{Name: "observer.egress.interface.name", Type: TypeTerm, Kinds: InSample, Desc: "Interface the packet went out by"},
	{Name: "observer.interface.name", Type: TypeTerm, Kinds: InSample, Desc: "Interface that counters are of"},
	{Name: "sflow.in_bit_rate", Type: TypeFloat, Kinds: InSample, Desc: "Bits a second that the interface received since its previous counter sample"},
	{Name: "sflow.out_bit_rate", Type: TypeFloat, Kinds: InSample, Desc: "Bits a second that the interface sent since its previous counter sample"},
	{Name: "sflow.utilization", Type: TypeFloat, Kinds: InSample, Desc: "The larger of both rates as a part of the interface's speed: 1 is full"},
	{Name: "sflow.frame_length", Type: TypeBytes, Kinds: InSample, Aliases: []string{"sampledPacketSize"}, Desc: "Length of the sampled packet on the wire"},
	{Name: "sflow.header_protocol", Type: TypeInt, Kinds: InSample, Aliases: []string{"headerProtocol"}, Desc: "What the sampled header begins with: 1 Ethernet, 11 IPv4, 12 IPv6, ..."},
	{Name: "sflow.tcp_flags", Type: TypeInt, Kinds: InSample, Aliases: []string{"TCPFlags"}, Desc: "TCP flags of the sampled packet; of all packets of a NetFlow flow"},
	{Name: "sflow.heartbeat.bytes", Type: TypeBytes, Kinds: InSample, Desc: "Content of the TLS heartbeat record that a sampled packet began with"},
	{Name: "sflow.heartbeat.header_probability", Type: TypeFloat, Kinds: InSample, Desc: "Chance that the packet with the header of such a record is sampled: 1 by the sampling rate"},
	{Name: "sflow.heartbeat.packet_probability", Type: TypeFloat, Kinds: InSample, Desc: "Chance that any of the packets that carry such a record is sampled"},
	{Name: "sflow.discard_reason", Type: TypeTerm, Kinds: InSample, Aliases: []string{"discardReason"}, Desc: "Why the device dropped the packet"},
	{Name: "sflow.metrics", Type: TypeTerm, Kinds: InSample, Many: true, Desc: "Metrics with names, each as name=value"},
	{Name: "sflow.other", Type: TypeTerm, Kinds: InSample, Many: true, Desc: "Records of unknown structure and damaged ones, each as tag and bytes in hexadecimal"},
	{Name: "sflow.damage", Type: TypeTerm, Kinds: InSample, Many: true, Desc: "What was damaged of the sample"},
	{Name: "event.action", Type: TypeTerm, Kinds: InSample, Desc: "What happened to an exporter: exporter-up, exporter-down, exporter-restart"},
}, sflowRecords()...)

// sflowNames lists the fields of sFlow's records by record and type. What samples share with sessions and transactions
// (ends, protocols, HTTP) is not here but in sampled.
var sflowNames = []struct {
	what  string
	typ   Type
	names string
}{
	{"flow 0:1001, switch", TypeInt, `in_vlan in_priority out_vlan out_priority`},
	{"flow 0:1002, router", TypeInt, `srcSubnetMask dstSubnetMask`},
	{"flow 0:1002, router", TypeIP, `nextHop`},
	{"flow 0:1003, gateway", TypeInt, `my_as src_as src_peer_as BGP_localpref`},
	{"flow 0:1003, gateway", TypeTerm, `dst_as_path BGP_communities`},
	{"flow 0:1003, gateway", TypeIP, `bgp_nexthop`},
	{"flow 0:1004, user", TypeInt, `src_user_charset dst_user_charset`},
	{"flow 0:1004, user", TypeTerm, `src_user dst_user`},
	{"flow 0:1005, url", TypeInt, `url_direction`},
	{"flow 0:1005, url", TypeTerm, `url host`},
	{"flow 0:1006, mpls", TypeTerm, `mpls_input_stack mpls_output_stack`},
	{"flow 0:1006, mpls", TypeIP, `mpls_nexthop`},
	{"flow 0:1007, nat", TypeIP, `nat_src nat_dst`},
	{"flow 0:1008, mpls tunnel", TypeInt, `mpls_tunnel_id mpls_tunnel_cos`},
	{"flow 0:1008, mpls tunnel", TypeTerm, `mpls_tunnel_lsp_name`},
	{"flow 0:1009, mpls vc", TypeInt, `mpls_vll_vc_id mpls_vc_cos`},
	{"flow 0:1009, mpls vc", TypeTerm, `mpls_vc_name`},
	{"flow 0:1010, mpls ftn", TypeInt, `mpls_ftn_mask`},
	{"flow 0:1010, mpls ftn", TypeTerm, `mpls_ftn_descr`},
	{"flow 0:1011, mpls ldp fec", TypeInt, `mpls_fec_addr_prefix_len`},
	{"flow 0:1012, vlan tunnel", TypeTerm, `vlan_tunnel`},
	{"flow 0:1013, wifi payload", TypeInt, `cipher_suite`},
	{"flow 0:1014, wifi rx", TypeInt, `rx_version rx_channel rx_speed rx_rsni rx_rcpi rx_packet_uS`},
	{"flow 0:1014, wifi rx", TypeTerm, `rx_SSID rx_BSSID`},
	{"flow 0:1015, wifi tx", TypeInt, `tx_version tx_transmissions tx_packet_uS tx_retrans_uS tx_channel tx_speed tx_power_mW`},
	{"flow 0:1015, wifi tx", TypeTerm, `tx_SSID tx_BSSID`},
	{"flow 0:1020, nat port", TypeInt, `nat_src_port nat_dst_port`},
	{"flow 0:1021, tunnel l2 out ethernet", TypeInt, `tunnel_l2_out_ethernet_len tunnel_l2_out_ethernet_type`},
	{"flow 0:1021, tunnel l2 out ethernet", TypeTerm, `tunnel_l2_out_ethernet_src tunnel_l2_out_ethernet_dst`},
	{"flow 0:1022, tunnel l2 in ethernet", TypeInt, `tunnel_l2_in_ethernet_len tunnel_l2_in_ethernet_type`},
	{"flow 0:1022, tunnel l2 in ethernet", TypeTerm, `tunnel_l2_in_ethernet_src tunnel_l2_in_ethernet_dst`},
	{"flow 0:1023, tunnel ipv4 out ipv4", TypeInt, `tunnel_ipv4_out_IPSize tunnel_ipv4_out_IPProtocol tunnel_ipv4_out_srcPort tunnel_ipv4_out_dstPort
		tunnel_ipv4_out_TCPFlags tunnel_ipv4_out_IPTOS`},
	{"flow 0:1023, tunnel ipv4 out ipv4", TypeIP, `tunnel_ipv4_out_srcIP tunnel_ipv4_out_dstIP`},
	{"flow 0:1024, tunnel ipv4 in ipv4", TypeInt, `tunnel_ipv4_in_IPSize tunnel_ipv4_in_IPProtocol tunnel_ipv4_in_srcPort tunnel_ipv4_in_dstPort
		tunnel_ipv4_in_TCPFlags tunnel_ipv4_in_IPTOS`},
	{"flow 0:1024, tunnel ipv4 in ipv4", TypeIP, `tunnel_ipv4_in_srcIP tunnel_ipv4_in_dstIP`},
	{"flow 0:1025, tunnel ipv6 out ipv6", TypeInt, `tunnel_ipv6_out_IPSize tunnel_ipv6_out_IPProtocol tunnel_ipv6_out_srcPort tunnel_ipv6_out_dstPort
		tunnel_ipv6_out_TCPFlags tunnel_ipv6_out_priority`},
	{"flow 0:1025, tunnel ipv6 out ipv6", TypeIP, `tunnel_ipv6_out_srcIP6 tunnel_ipv6_out_dstIP6`},
	{"flow 0:1026, tunnel ipv6 in ipv6", TypeInt, `tunnel_ipv6_in_IPSize tunnel_ipv6_in_IPProtocol tunnel_ipv6_in_srcPort tunnel_ipv6_in_dstPort
		tunnel_ipv6_in_TCPFlags tunnel_ipv6_in_priority`},
	{"flow 0:1026, tunnel ipv6 in ipv6", TypeIP, `tunnel_ipv6_in_srcIP6 tunnel_ipv6_in_dstIP6`},
	{"flow 0:1027, out decap", TypeInt, `out_decap_inner_header_offset`},
	{"flow 0:1028, in decap", TypeInt, `in_decap_inner_header_offset`},
	{"flow 0:1029, out vni", TypeInt, `out_VNI`},
	{"flow 0:1030, in vni", TypeInt, `in_VNI`},
	{"flow 0:1036, egress queue", TypeInt, `egress_queue_id`},
	{"flow 0:1037, acl", TypeInt, `acl_number acl_direction`},
	{"flow 0:1037, acl", TypeTerm, `acl_name`},
	{"flow 0:1038, function", TypeTerm, `symbol`},
	{"flow 0:1039, transit delay", TypeInt, `transit_delay_nS`},
	{"flow 0:1040, queue depth", TypeInt, `queue_depth_bytes`},
	{"flow 0:1041, hw trap", TypeTerm, `hw_trap_group hw_trap_name`},
	{"flow 0:1042, linux reason", TypeTerm, `linux_drop_reason`},
	{"flow 0:1043, timestamp", TypeInt, `timestamp_nS`},
	{"flow 0:2102, proxy socket4", TypeInt, `proxy_socket4_ip_protocol proxy_socket4_local_port proxy_socket4_remote_port`},
	{"flow 0:2102, proxy socket4", TypeIP, `proxy_socket4_local_ip proxy_socket4_remote_ip`},
	{"flow 0:2103, proxy socket6", TypeInt, `proxy_socket6_ip_protocol proxy_socket6_local_port proxy_socket6_remote_port`},
	{"flow 0:2103, proxy socket6", TypeIP, `proxy_socket6_local_ip proxy_socket6_remote_ip`},
	{"flow 0:2200, memcache", TypeInt, `memcache_op_protocol memcache_op_cmd memcache_op_nkeys memcache_op_value_bytes memcache_op_duration_uS
		memcache_op_status`},
	{"flow 0:2200, memcache", TypeTerm, `memcache_op_key`},
	{"flow 0:2207, http proxy", TypeTerm, `proxy_uri proxy_host`},
	{"flow 0:2202, applicationoperation", TypeInt, `request_bytes response_bytes duration_uS status`},
	{"flow 0:2202, applicationoperation", TypeTerm, `application operation attributes status_descr`},
	{"flow 0:2203, app context", TypeTerm, `server_context_application server_context_operation server_context_attributes`},
	{"flow 0:2204, app initiator", TypeTerm, `actor_initiator`},
	{"flow 0:2205, app target", TypeTerm, `actor_target`},
	{"flow 0:2209, tcp info", TypeInt, `tcpinfo_direction tcpinfo_send_mss tcpinfo_receive_mss tcpinfo_unacked_pkts tcpinfo_lost_pkts
		tcpinfo_retrans_pkts tcpinfo_path_mtu tcpinfo_rtt_uS tcpinfo_rtt_uS_var tcpinfo_send_congestion_win
		tcpinfo_reordering tcpinfo_rtt_uS_min`},
	{"flow 0:2210, entities", TypeInt, `entities_src_class entities_src_index entities_dst_class entities_dst_index`},
	{"counters 0:1, interface", TypeInt, `ifIndex networkType ifSpeed ifDirection ifStatus ifInOctets ifInUcastPkts ifInMulticastPkts ifInBroadcastPkts
		ifInDiscards ifInErrors ifInUnknownProtos ifOutOctets ifOutUcastPkts ifOutMulticastPkts ifOutBroadcastPkts
		ifOutDiscards ifOutErrors ifPromiscuousMode`},
	{"counters 0:2, ethernet", TypeInt, `dot3StatsAlignmentErrors dot3StatsFCSErrors dot3StatsSingleCollisionFrames dot3StatsMultipleCollisionFrames
		dot3StatsSQETestErrors dot3StatsDeferredTransmissions dot3StatsLateCollisions dot3StatsExcessiveCollisions
		dot3StatsInternalMacTransmitErrors dot3StatsCarrierSenseErrors dot3StatsFrameTooLongs
		dot3StatsInternalMacReceiveErrors dot3StatsSymbolErrors`},
	{"counters 0:3, token ring", TypeInt, `dot5StatsLineErrors dot5StatsBurstErrors dot5StatsACErrors dot5StatsAbortTransErrors dot5StatsInternalErrors
		dot5StatsLostFrameErrors dot5StatsReceiveCongestions dot5StatsFrameCopiedErrors dot5StatsTokenErrors
		dot5StatsSoftErrors dot5StatsHardErrors dot5StatsSignalLoss dot5StatsTransmitBeacons dot5StatsRecoverys
		dot5StatsLobeWires dot5StatsRemoves dot5StatsSingles dot5StatsFreqErrors`},
	{"counters 0:4, 100vg", TypeInt, `dot12InHighPriorityFrames dot12InHighPriorityOctets dot12InNormPriorityFrames dot12InNormPriorityOctets
		dot12InIPMErrors dot12InOversizeFrameErrors dot12InDataErrors dot12InNullAddressedFrames
		dot12OutHighPriorityFrames dot12OutHighPriorityOctets dot12TransitionIntoTrainings dot12HCInHighPriorityOctets
		dot12HCInNormPriorityOctets dot12HCOutHighPriorityOctets`},
	{"counters 0:5, vlan", TypeInt, `octets ucastPkts multicastPkts broadcastPkts discards`},
	{"counters 0:6, wifi", TypeInt, `dot11TransmittedFragmentCount dot11MulticastTransmittedFrameCount dot11FailedCount dot11RetryCount
		dot11MultipleRetryCount dot11FrameDuplicateCount dot11RTSSuccessCount dot11RTSFailureCount
		dot11ACKFailureCount dot11ReceivedFragmentCount dot11MulticastReceivedFrameCount dot11FCSErrorCount
		dot11TransmittedFrameCount dot11WEPUndecryptableCount dot11QoSDiscardedFragmentCount
		dot11AssociatedStationCount dot11QoSCFPollsReceivedCount dot11QoSCFPollsUnusedCount
		dot11QoSCFPollsUnusableCount dot11QoSCFPollsLostCount`},
	{"counters 0:7, lacp", TypeInt, `attachedAggID actorAdminPortState actorOperPortState partnerAdminPortState partnerOperPortState LACPDUsRx
		markerPDUsRx markerResponsePDUsRx unknownRx illegalRx LACPDUsTx markerPDUsTx markerResponsePDUsTx`},
	{"counters 0:7, lacp", TypeTerm, `actorSystemID partnerSystemID`},
	{"counters 0:10, sfp", TypeInt, `sfp_module_id sfp_module_total_lanes sfp_module_supply_voltage sfp_module_temperature`},
	{"counters 0:10, sfp", TypeTerm, `sfp_module_active_lanes`},
	{"counters 0:11, pfc", TypeInt, `PFC_requests PFC_indications PFC_pause_duration PFC_storm_detected PFC_storm_restored`},
	{"counters 0:1001, processor", TypeInt, `total_memory_bytes free_memory_bytes`},
	{"counters 0:1001, processor", TypeFloat, `5s_cpu 1m_cpu 5m_cpu`},
	{"counters 0:1002, radio", TypeInt, `radio_elapsed_time radio_on_channel_time radio_on_channel_busy_time`},
	{"counters 0:1004, openflow port", TypeInt, `openflow_port`},
	{"counters 0:1004, openflow port", TypeTerm, `openflow_datapath_id`},
	{"counters 0:1005, port name", TypeTerm, `ifName`},
	{"counters 0:2000, host id", TypeInt, `machine_type os_name`},
	{"counters 0:2000, host id", TypeTerm, `hostname UUID os_release`},
	{"counters 0:2001, adaptors", TypeTerm, `adaptor_list`},
	{"counters 0:2002, host parent", TypeInt, `parent_dsClass parent_dsIndex`},
	{"counters 0:2003, host cpu", TypeInt, `cpu_proc_run cpu_proc_total cpu_num cpu_speed cpu_uptime cpu_user cpu_nice cpu_system cpu_idle cpu_wio cpuintr
		cpu_sintr cpuinterrupts cpu_contexts cpu_steal cpu_guest cpu_guest_nice`},
	{"counters 0:2003, host cpu", TypeFloat, `cpu_load_one cpu_load_five cpu_load_fifteen`},
	{"counters 0:2004, host memory", TypeInt, `mem_total mem_free mem_shared mem_buffers mem_cached swap_total swap_free page_in page_out swap_in swap_out`},
	{"counters 0:2005, host disk", TypeInt, `disk_total disk_free disk_reads disk_bytes_read disk_read_time disk_writes disk_bytes_written disk_write_time`},
	{"counters 0:2005, host disk", TypeFloat, `disk_partition_max_used`},
	{"counters 0:2006, host network", TypeInt, `nio_bytes_in nio_pkts_in nio_errs_in nio_drops_in nio_bytes_out nio_pkts_out nio_errs_out nio_drops_out`},
	{"counters 0:2007, host ip", TypeInt, `ipForwarding ipDefaultTTL ipInReceives ipInHdrErrors ipInAddrErrors ipForwDatagrams ipInUnknownProtos
		ipInDiscards ipInDelivers ipOutRequests ipOutDiscards ipOutNoRoutes ipReasmTimeout ipReasmReqds ipReasmOKs
		ipReasmFails ipFragOKs ipFragFails ipFragCreates`},
	{"counters 0:2008, host icmp", TypeInt, `icmpInMsgs icmpInErrors icmpInDestUnreachs icmpInTimeExcds icmpInParamProbs icmpInSrcQuenchs icmpInRedirects
		icmpInEchos icmpInEchoReps icmpInTimestamps icmpInAddrMasks icmpInAddrMaskReps icmpOutMsgs icmpOutErrors
		icmpOutDestUnreachs icmpOutTimeExcds icmpOutParamProbs icmpOutSrcQuenchs icmpOutRedirects icmpOutEchos
		icmpOutEchoReps icmpOutTimestamps icmpOutTimestampReps icmpOutAddrMasks icmpOutAddrMaskReps`},
	{"counters 0:2009, host tcp", TypeInt, `tcpRtoAlgorithm tcpRtoMin tcpRtoMax tcpMaxConn tcpActiveOpens tcpPassiveOpens tcpAttemptFails tcpEstabResets
		tcpCurrEstab tcpInSegs tcpOutSegs tcpRetransSegs tcpInErrs tcpOutRsts tcpInCsumErrors`},
	{"counters 0:2010, host udp", TypeInt, `udpInDatagrams udpNoPorts udpInErrors udpOutDatagrams udpRcvbufErrors udpSndbufErrors udpInCsumErrors`},
	{"counters 0:2100, vnode", TypeInt, `vnode_mhz vnode_cpus vnode_memory vnode_memory_free vnode_num_domains`},
	{"counters 0:2101, vcpu", TypeInt, `vcpu_state vcpu_cpu_mS vcpu_cpuCount`},
	{"counters 0:2102, vmem", TypeInt, `vmem_memory vmem_maxMemory`},
	{"counters 0:2103, vdsk", TypeInt, `vdsk_capacity vdsk_allocation vdsk_available vdsk_rd_req vdsk_rd_bytes vdsk_wr_req vdsk_wr_bytes vdsk_errs`},
	{"counters 0:2104, vnio", TypeInt, `vnio_bytes_in vnio_pkts_in vnio_errs_in vnio_drops_in vnio_bytes_out vnio_pkts_out vnio_errs_out
		vnio_drops_out`},
	{"counters 0:2105, jvm", TypeTerm, `jvm_name jvm_vendor jvm_version`},
	{"counters 0:2106, jmx", TypeInt, `heap_mem_initial heap_mem_used heap_mem_committed heap_mem_max non_heap_mem_initial non_heap_mem_used
		non_heap_mem_committed non_heap_mem_max gc_count gc_mS classes_loaded classes_total classes_unloaded
		compilation_mS threads_live threads_daemon threads_started fds_open fds_max`},
	{"counters 0:2200, memcache", TypeInt, `memcache_uptime memcache_rusage_user memcache_rusage_system memcache_curr_connections
		memcache_total_connections memcache_connection_structures memcache_cmd_get memcache_cmd_set memcache_cmd_flush
		memcache_get_hits memcache_get_misses memcache_delete_misses memcache_delete_hits memcache_incr_misses
		memcache_incr_hits memcache_decr_misses memcache_decr_hits memcache_cas_misses memcache_cas_hits
		memcache_cas_badval memcache_auth_cmds memcache_auth_errors memcache_bytes_read memcache_bytes_written
		memcache_limit_maxbytes memcache_accepting_conns memcache_listen_disabled_num memcache_threads
		memcache_conn_yields memcache_bytes memcache_curr_items memcache_total_items memcache_evictions`},
	{"counters 0:2201, http", TypeInt, `http_method_option_count http_method_get_count http_method_head_count http_method_post_count
		http_method_put_count http_method_delete_count http_method_trace_count http_methd_connect_count
		http_method_other_count http_status_1XX_count http_status_2XX_count http_status_3XX_count
		http_status_4XX_count http_status_5XX_count http_status_other_count`},
	{"counters 0:2202, app", TypeInt, `status_OK errors_OTHER errors_TIMEOUT errors_INTERNAL_ERROR errors_BAD_REQUEST errors_FORBIDDEN
		errors_TOO_LARGE errors_NOT_IMPLEMENTED errors_NOT_FOUND errors_UNAVAILABLE errors_UNAUTHORIZED`},
	{"counters 0:2203, app resources", TypeInt, `user_time system_time memory_used memory_max files_open files_max connections_open connections_max`},
	{"counters 0:2204, memcache", TypeInt, `memcache_cmd_touch memcache_rejected_connections memcache_reclaimed`},
	{"counters 0:2205, vdi", TypeInt, `vdi_sessions_current vdi_sessions_total vdi_sessions_duration vdi_rx_bytes vdi_tx_bytes vdi_rx_packets
		vdi_tx_packets vdi_rx_packets_lost vdi_tx_packets_lost vdi_rtt_min_ms vdi_rtt_max_ms vdi_rtt_avg_ms
		vdi_audio_rx_bytes vdi_audio_tx_bytes vdi_audio_tx_limit vdi_img_rx_bytes vdi_img_tx_bytes vdi_img_frames
		vdi_img_qual_min vdi_img_qual_max vdi_img_qual_avg vdi_usb_rx_bytes vdi_usb_tx_bytes`},
	{"counters 0:2206, app workers", TypeInt, `workers_active workers_idle workers_max requests_delayed requests_dropped`},
	{"counters 0:2207, ovs", TypeInt, `OVS_dp_hits OVS_dp_misses OVS_dp_lost OVS_dp_mask_hits OVS_dp_flows OVS_dp_masks`},
	{"counters 5703:1, nvml", TypeInt, `nvml_device_count nvml_processes nvml_gpu_mS nvml_mem_mS nvml_mem_bytes_total nvml_mem_bytes_free
		nvml_ecc_errors nvml_energy_mJ nvml_temperature_C nvml_fan_speed_pc`},
	{"counters 4413:3, bcm tables", TypeInt, `bcm_asic_host_entries bcm_host_entries_max bcm_ipv4_entries bcm_ipv4_entries_max bcm_ipv6_entries
		bcm_ipv6_entries_max bcm_ipv4_ipv6_entries bcm_ipv4_ipv6_entries_max bcm_long_ipv6_entries
		bcm_long_ipv6_entries_max bcm_total_routes bcm_total_routes_max bcm_ecmp_nexthops bcm_ecmp_nexthops_max
		bcm_mac_entries bcm_mac_entries_max bcm_ipv4_neighbors bcm_ipv6_neighbors bcm_ipv4_routes bcm_ipv6_routes
		bcm_acl_ingress_entries bcm_acl_ingress_entries_max bcm_acl_ingress_counters bcm_acl_ingress_counters_max
		bcm_acl_ingress_meters bcm_acl_ingress_meters_max bcm_acl_ingress_slices bcm_acl_ingress_slices_max
		bcm_acl_egress_entries bcm_acl_egress_entries_max bcm_acl_egress_counters bcm_acl_egress_counters_max
		bcm_acl_egress_meters bcm_acl_egress_meters_max bcm_acl_egress_slices bcm_acl_egress_slices_max`},
}

func sflowRecords() (out []Field) {
	for _, r := range sflowNames {
		for _, n := range strings.Fields(r.names) {
			f := Field{Name: "sflow." + n, Type: r.typ, Kinds: InSample, Aliases: []string{n}, Desc: "sFlow " + r.what + ": " + n}
			switch n {
			case "sfp_module_active_lanes", "adaptor_list":
				f.Many = true
			}
			out = append(out, f)
		}
	}
	return out
}

// sampled are fields of sessions and transactions that samples have too.
var sampled = strings.Fields(`source.ip destination.ip source.port destination.port source.mac destination.mac network.transport network.type
	network.iana_number network.community_id network.vlan.id network.vni network.ethertype network.bytes network.packets network.protocol
	source.ttl source.dscp source.geo.country_iso_code destination.geo.country_iso_code source.as.full destination.as.full
	observer.ingress.interface.name http.request.method http.uri url.path url.domain user_agent.original http.request.referrer http.xff_ip
	http.user http.version http.request.bytes http.response.bytes http.response.status_code http.response.headers.content-type
	ip port mac host country asn`)
