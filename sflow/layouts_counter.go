package sflow

// counterLayouts are the records of counter samples: sFlow version 5 §5, the host, application, virtual machine, JVM,
// HTTP, memcache, OpenFlow, optics, LACP and GPU structures that followed.
var counterLayouts = []Layout{
	{Tag: TagInterface, Name: "interface", Fields: fields(u32("ifIndex networkType"), u64("ifSpeed"), u32("ifDirection ifStatus"),
		u64("ifInOctets"), u32("ifInUcastPkts ifInMulticastPkts ifInBroadcastPkts ifInDiscards ifInErrors ifInUnknownProtos"),
		u64("ifOutOctets"), u32("ifOutUcastPkts ifOutMulticastPkts ifOutBroadcastPkts ifOutDiscards ifOutErrors ifPromiscuousMode"))},
	{Tag: TagEthernetCounters, Name: "ethernet", Fields: u32(`dot3StatsAlignmentErrors dot3StatsFCSErrors dot3StatsSingleCollisionFrames
		dot3StatsMultipleCollisionFrames dot3StatsSQETestErrors dot3StatsDeferredTransmissions dot3StatsLateCollisions
		dot3StatsExcessiveCollisions dot3StatsInternalMacTransmitErrors dot3StatsCarrierSenseErrors dot3StatsFrameTooLongs
		dot3StatsInternalMacReceiveErrors dot3StatsSymbolErrors`)},
	{Tag: TagTokenRing, Name: "token_ring", Fields: u32(`dot5StatsLineErrors dot5StatsBurstErrors dot5StatsACErrors dot5StatsAbortTransErrors
		dot5StatsInternalErrors dot5StatsLostFrameErrors dot5StatsReceiveCongestions dot5StatsFrameCopiedErrors dot5StatsTokenErrors
		dot5StatsSoftErrors dot5StatsHardErrors dot5StatsSignalLoss dot5StatsTransmitBeacons dot5StatsRecoverys dot5StatsLobeWires
		dot5StatsRemoves dot5StatsSingles dot5StatsFreqErrors`)},
	{Tag: TagVG, Name: "100vg", Fields: fields(u32("dot12InHighPriorityFrames"), u64("dot12InHighPriorityOctets"), u32("dot12InNormPriorityFrames"),
		u64("dot12InNormPriorityOctets"), u32("dot12InIPMErrors dot12InOversizeFrameErrors dot12InDataErrors dot12InNullAddressedFrames dot12OutHighPriorityFrames"),
		u64("dot12OutHighPriorityOctets"), u32("dot12TransitionIntoTrainings"), u64("dot12HCInHighPriorityOctets dot12HCInNormPriorityOctets dot12HCOutHighPriorityOctets"))},
	{Tag: TagVLAN, Name: "vlan", Fields: fields(u32("in_vlan"), u64("octets"), u32("ucastPkts multicastPkts broadcastPkts discards"))},
	{Tag: TagWifi, Name: "wifi", Fields: u32(`dot11TransmittedFragmentCount dot11MulticastTransmittedFrameCount dot11FailedCount dot11RetryCount
		dot11MultipleRetryCount dot11FrameDuplicateCount dot11RTSSuccessCount dot11RTSFailureCount dot11ACKFailureCount
		dot11ReceivedFragmentCount dot11MulticastReceivedFrameCount dot11FCSErrorCount dot11TransmittedFrameCount
		dot11WEPUndecryptableCount dot11QoSDiscardedFragmentCount dot11AssociatedStationCount dot11QoSCFPollsReceivedCount
		dot11QoSCFPollsUnusedCount dot11QoSCFPollsUnusableCount dot11QoSCFPollsLostCount`)},
	{Tag: TagLACP, Name: "lacp", Fields: fields(of(MAC, "actorSystemID partnerSystemID"), u32("attachedAggID"),
		of(U8, "actorAdminPortState actorOperPortState partnerAdminPortState partnerOperPortState"),
		u32("LACPDUsRx markerPDUsRx markerResponsePDUsRx unknownRx illegalRx LACPDUsTx markerPDUsTx markerResponsePDUsTx"))},
	{Tag: TagSFP, Name: "sfp", Fields: fields(u32("sfp_module_id sfp_module_total_lanes sfp_module_supply_voltage sfp_module_temperature"), of(Lanes, "sfp_module_active_lanes"))},
	{Tag: TagPFC, Name: "pfc", Fields: u32("PFC_requests PFC_indications PFC_pause_duration PFC_storm_detected PFC_storm_restored")},
	{Tag: TagProcessor, Name: "processor", Fields: fields(of(Percent, "5s_cpu 1m_cpu 5m_cpu"), u64("total_memory_bytes free_memory_bytes"))},
	{Tag: TagRadio, Name: "radio", Fields: u32("radio_elapsed_time radio_on_channel_time radio_on_channel_busy_time")},
	{Tag: TagOpenFlowPort, Name: "openflow_port", Fields: fields(of(Hex64, "openflow_datapath_id"), u32("openflow_port"))},
	{Tag: TagPortName, Name: "port_name", Fields: text(255, "ifName")},
	{Tag: TagHostID, Name: "host_id", Fields: fields(text(64, "hostname"), of(UUID, "UUID"), u32("machine_type os_name"), text(32, "os_release"))},
	{Tag: TagAdaptors, Name: "adaptors", Fields: of(Adaptors, "adaptor_list")},
	{Tag: TagHostParent, Name: "host_parent", Fields: u32("parent_dsClass parent_dsIndex")},
	{Tag: TagHostCPU, Name: "host_cpu", Optional: 3, Fields: fields(of(F32, "cpu_load_one cpu_load_five cpu_load_fifteen"),
		u32(`cpu_proc_run cpu_proc_total cpu_num cpu_speed cpu_uptime cpu_user cpu_nice cpu_system cpu_idle cpu_wio cpuintr cpu_sintr
		cpuinterrupts cpu_contexts cpu_steal cpu_guest cpu_guest_nice`))},
	{Tag: TagHostMemory, Name: "host_memory", Fields: fields(u64("mem_total mem_free mem_shared mem_buffers mem_cached swap_total swap_free"), u32("page_in page_out swap_in swap_out"))},
	{Tag: TagHostDisk, Name: "host_disk", Fields: fields(u64("disk_total disk_free"), of(Percent, "disk_partition_max_used"), u32("disk_reads"),
		u64("disk_bytes_read"), u32("disk_read_time disk_writes"), u64("disk_bytes_written"), u32("disk_write_time"))},
	{Tag: TagHostNetwork, Name: "host_network", Fields: fields(u64("nio_bytes_in"), u32("nio_pkts_in nio_errs_in nio_drops_in"), u64("nio_bytes_out"), u32("nio_pkts_out nio_errs_out nio_drops_out"))},
	{Tag: TagHostIP, Name: "host_ip", Fields: u32(`ipForwarding ipDefaultTTL ipInReceives ipInHdrErrors ipInAddrErrors ipForwDatagrams ipInUnknownProtos
		ipInDiscards ipInDelivers ipOutRequests ipOutDiscards ipOutNoRoutes ipReasmTimeout ipReasmReqds ipReasmOKs ipReasmFails
		ipFragOKs ipFragFails ipFragCreates`)},
	{Tag: TagHostICMP, Name: "host_icmp", Fields: u32(`icmpInMsgs icmpInErrors icmpInDestUnreachs icmpInTimeExcds icmpInParamProbs icmpInSrcQuenchs
		icmpInRedirects icmpInEchos icmpInEchoReps icmpInTimestamps icmpInAddrMasks icmpInAddrMaskReps icmpOutMsgs icmpOutErrors
		icmpOutDestUnreachs icmpOutTimeExcds icmpOutParamProbs icmpOutSrcQuenchs icmpOutRedirects icmpOutEchos icmpOutEchoReps
		icmpOutTimestamps icmpOutTimestampReps icmpOutAddrMasks icmpOutAddrMaskReps`)},
	{Tag: TagHostTCP, Name: "host_tcp", Fields: u32(`tcpRtoAlgorithm tcpRtoMin tcpRtoMax tcpMaxConn tcpActiveOpens tcpPassiveOpens tcpAttemptFails
		tcpEstabResets tcpCurrEstab tcpInSegs tcpOutSegs tcpRetransSegs tcpInErrs tcpOutRsts tcpInCsumErrors`)},
	{Tag: TagHostUDP, Name: "host_udp", Fields: u32("udpInDatagrams udpNoPorts udpInErrors udpOutDatagrams udpRcvbufErrors udpSndbufErrors udpInCsumErrors")},
	{Tag: TagVirtualNode, Name: "vnode", Fields: fields(u32("vnode_mhz vnode_cpus"), u64("vnode_memory vnode_memory_free"), u32("vnode_num_domains"))},
	{Tag: TagVirtualCPU, Name: "vcpu", Fields: u32("vcpu_state vcpu_cpu_mS vcpu_cpuCount")},
	{Tag: TagVirtualMemory, Name: "vmem", Fields: u64("vmem_memory vmem_maxMemory")},
	{Tag: TagVirtualDisk, Name: "vdsk", Fields: fields(u64("vdsk_capacity vdsk_allocation vdsk_available"), u32("vdsk_rd_req"), u64("vdsk_rd_bytes"), u32("vdsk_wr_req"), u64("vdsk_wr_bytes"), u32("vdsk_errs"))},
	{Tag: TagVirtualNetwork, Name: "vnio", Fields: fields(u64("vnio_bytes_in"), u32("vnio_pkts_in vnio_errs_in vnio_drops_in"), u64("vnio_bytes_out"), u32("vnio_pkts_out vnio_errs_out vnio_drops_out"))},
	{Tag: TagJVM, Name: "jvm", Fields: fields(text(64, "jvm_name"), text(32, "jvm_vendor jvm_version"))},
	{Tag: TagJMX, Name: "jmx", Optional: 2, Fields: fields(u64(`heap_mem_initial heap_mem_used heap_mem_committed heap_mem_max non_heap_mem_initial
		non_heap_mem_used non_heap_mem_committed non_heap_mem_max`), u32(`gc_count gc_mS classes_loaded classes_total classes_unloaded
		compilation_mS threads_live threads_daemon threads_started fds_open fds_max`))},
	{Tag: TagMemcacheOld, Name: "memcache", Fields: fields(u32(`memcache_uptime memcache_rusage_user memcache_rusage_system memcache_curr_connections
		memcache_total_connections memcache_connection_structures memcache_cmd_get memcache_cmd_set memcache_cmd_flush memcache_get_hits
		memcache_get_misses memcache_delete_misses memcache_delete_hits memcache_incr_misses memcache_incr_hits memcache_decr_misses
		memcache_decr_hits memcache_cas_misses memcache_cas_hits memcache_cas_badval memcache_auth_cmds memcache_auth_errors`),
		u64("memcache_bytes_read memcache_bytes_written"), u32("memcache_limit_maxbytes memcache_accepting_conns memcache_listen_disabled_num memcache_threads memcache_conn_yields"),
		u64("memcache_bytes"), u32("memcache_curr_items memcache_total_items memcache_evictions"))},
	{Tag: TagHTTPCounters, Name: "http", Fields: u32(`http_method_option_count http_method_get_count http_method_head_count http_method_post_count
		http_method_put_count http_method_delete_count http_method_trace_count http_methd_connect_count http_method_other_count
		http_status_1XX_count http_status_2XX_count http_status_3XX_count http_status_4XX_count http_status_5XX_count http_status_other_count`)},
	{Tag: TagAppCounters, Name: "app", Fields: fields(text(32, "application"), u32(`status_OK errors_OTHER errors_TIMEOUT errors_INTERNAL_ERROR
		errors_BAD_REQUEST errors_FORBIDDEN errors_TOO_LARGE errors_NOT_IMPLEMENTED errors_NOT_FOUND errors_UNAVAILABLE errors_UNAUTHORIZED`))},
	{Tag: TagAppResources, Name: "app_resources", Fields: fields(u32("user_time system_time"), u64("memory_used memory_max"), u32("files_open files_max connections_open connections_max"))},
	{Tag: TagMemcacheCounters, Name: "memcache", Fields: fields(u32(`memcache_cmd_set memcache_cmd_touch memcache_cmd_flush memcache_get_hits memcache_get_misses
		memcache_delete_hits memcache_delete_misses memcache_incr_hits memcache_incr_misses memcache_decr_hits memcache_decr_misses
		memcache_cas_hits memcache_cas_misses memcache_cas_badval memcache_auth_cmds memcache_auth_errors memcache_threads
		memcache_conn_yields memcache_listen_disabled_num memcache_curr_connections memcache_rejected_connections
		memcache_total_connections memcache_connection_structures memcache_evictions memcache_reclaimed memcache_curr_items
		memcache_total_items`), u64("memcache_bytes_read memcache_bytes_written memcache_bytes memcache_limit_maxbytes"))},
	{Tag: TagVDI, Name: "vdi", Fields: u32(`vdi_sessions_current vdi_sessions_total vdi_sessions_duration vdi_rx_bytes vdi_tx_bytes vdi_rx_packets
		vdi_tx_packets vdi_rx_packets_lost vdi_tx_packets_lost vdi_rtt_min_ms vdi_rtt_max_ms vdi_rtt_avg_ms vdi_audio_rx_bytes
		vdi_audio_tx_bytes vdi_audio_tx_limit vdi_img_rx_bytes vdi_img_tx_bytes vdi_img_frames vdi_img_qual_min vdi_img_qual_max
		vdi_img_qual_avg vdi_usb_rx_bytes vdi_usb_tx_bytes`)},
	{Tag: TagAppWorkers, Name: "app_workers", Fields: u32("workers_active workers_idle workers_max requests_delayed requests_dropped")},
	{Tag: TagOpenVSwitch, Name: "ovs", Fields: u32("OVS_dp_hits OVS_dp_misses OVS_dp_lost OVS_dp_mask_hits OVS_dp_flows OVS_dp_masks")},
	{Tag: TagNVML, Name: "nvml", Fields: fields(u32("nvml_device_count nvml_processes nvml_gpu_mS nvml_mem_mS"), u64("nvml_mem_bytes_total nvml_mem_bytes_free"), u32("nvml_ecc_errors nvml_energy_mJ nvml_temperature_C nvml_fan_speed_pc"))},
	{Tag: TagBroadcomTables, Name: "bcm_tables", Fields: u32(`bcm_asic_host_entries bcm_host_entries_max bcm_ipv4_entries bcm_ipv4_entries_max bcm_ipv6_entries
		bcm_ipv6_entries_max bcm_ipv4_ipv6_entries bcm_ipv4_ipv6_entries_max bcm_long_ipv6_entries bcm_long_ipv6_entries_max
		bcm_total_routes bcm_total_routes_max bcm_ecmp_nexthops bcm_ecmp_nexthops_max bcm_mac_entries bcm_mac_entries_max
		bcm_ipv4_neighbors bcm_ipv6_neighbors bcm_ipv4_routes bcm_ipv6_routes bcm_acl_ingress_entries bcm_acl_ingress_entries_max
		bcm_acl_ingress_counters bcm_acl_ingress_counters_max bcm_acl_ingress_meters bcm_acl_ingress_meters_max bcm_acl_ingress_slices
		bcm_acl_ingress_slices_max bcm_acl_egress_entries bcm_acl_egress_entries_max bcm_acl_egress_counters
		bcm_acl_egress_counters_max bcm_acl_egress_meters bcm_acl_egress_meters_max bcm_acl_egress_slices bcm_acl_egress_slices_max`)},
}
