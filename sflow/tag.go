package sflow

import "strconv"

// Tag names the format of a sample or record: the enterprise in the upper 20 bits, its number of the format in the
// lower 12. Enterprise 0 is sFlow.org. Flow records and counter records are numbered apart.
type Tag uint32

// MakeTag joins an enterprise and a format.
func MakeTag(enterprise, format uint32) Tag { return Tag(enterprise<<12 | format&0xfff) }

// Enterprise is the SMI private enterprise number, 0 for sFlow.org.
func (t Tag) Enterprise() uint32 { return uint32(t) >> 12 }

// Format is the number within the enterprise.
func (t Tag) Format() uint32 { return uint32(t) & 0xfff }

// AppendText appends "enterprise:format" to dst and returns it.
func (t Tag) AppendText(dst []byte) []byte {
	dst = strconv.AppendUint(dst, uint64(t.Enterprise()), 10)
	return strconv.AppendUint(append(dst, ':'), uint64(t.Format()), 10)
}

// String is "enterprise:format".
func (t Tag) String() string { return string(t.AppendText(nil)) }

// Tags of samples.
const (
	TagFlow             Tag = 1
	TagCounters         Tag = 2
	TagFlowExpanded     Tag = 3
	TagCountersExpanded Tag = 4
	TagDiscard          Tag = 5
	TagMetric           Tag = 4300<<12 | 1002 // sFlow-RT: metrics with names
	TagFlowMetric       Tag = 4300<<12 | 1003 // sFlow-RT: flows with named keys
)

// Tags of flow records.
const (
	TagHeader       Tag = 1
	TagEthernet     Tag = 2
	TagIPv4         Tag = 3
	TagIPv6         Tag = 4
	TagSwitch       Tag = 1001
	TagRouter       Tag = 1002
	TagGateway      Tag = 1003
	TagUser         Tag = 1004
	TagURL          Tag = 1005
	TagMPLS         Tag = 1006
	TagNAT          Tag = 1007
	TagMPLSTunnel   Tag = 1008
	TagMPLSVC       Tag = 1009
	TagMPLSFTN      Tag = 1010
	TagMPLSLDPFEC   Tag = 1011
	TagVLANTunnel   Tag = 1012
	TagWifiPayload  Tag = 1013
	TagWifiRx       Tag = 1014
	TagWifiTx       Tag = 1015
	TagAggregation  Tag = 1016
	TagNATPort      Tag = 1020
	TagL2TunnelOut  Tag = 1021
	TagL2TunnelIn   Tag = 1022
	TagIP4TunnelOut Tag = 1023
	TagIP4TunnelIn  Tag = 1024
	TagIP6TunnelOut Tag = 1025
	TagIP6TunnelIn  Tag = 1026
	TagDecapOut     Tag = 1027
	TagDecapIn      Tag = 1028
	TagVNIOut       Tag = 1029
	TagVNIIn        Tag = 1030
	TagEgressQueue  Tag = 1036
	TagACL          Tag = 1037
	TagFunction     Tag = 1038
	TagTransitDelay Tag = 1039
	TagQueueDepth   Tag = 1040
	TagHardwareTrap Tag = 1041
	TagLinuxReason  Tag = 1042
	TagTimestamp    Tag = 1043
	TagSocket4      Tag = 2100
	TagSocket6      Tag = 2101
	TagProxySocket4 Tag = 2102
	TagProxySocket6 Tag = 2103
	TagMemcache     Tag = 2200
	TagHTTPOld      Tag = 2201
	TagApplication  Tag = 2202
	TagAppContext   Tag = 2203
	TagAppInitiator Tag = 2204
	TagAppTarget    Tag = 2205
	TagHTTP         Tag = 2206
	TagHTTPProxy    Tag = 2207
	TagTCPInfo      Tag = 2209
	TagEntities     Tag = 2210
)

// Tags of counter records.
const (
	TagInterface        Tag = 1
	TagEthernetCounters Tag = 2
	TagTokenRing        Tag = 3
	TagVG               Tag = 4
	TagVLAN             Tag = 5
	TagWifi             Tag = 6
	TagLACP             Tag = 7
	TagSFP              Tag = 10
	TagPFC              Tag = 11
	TagProcessor        Tag = 1001
	TagRadio            Tag = 1002
	TagOpenFlowPort     Tag = 1004
	TagPortName         Tag = 1005
	TagHostID           Tag = 2000
	TagAdaptors         Tag = 2001
	TagHostParent       Tag = 2002
	TagHostCPU          Tag = 2003
	TagHostMemory       Tag = 2004
	TagHostDisk         Tag = 2005
	TagHostNetwork      Tag = 2006
	TagHostIP           Tag = 2007
	TagHostICMP         Tag = 2008
	TagHostTCP          Tag = 2009
	TagHostUDP          Tag = 2010
	TagVirtualNode      Tag = 2100
	TagVirtualCPU       Tag = 2101
	TagVirtualMemory    Tag = 2102
	TagVirtualDisk      Tag = 2103
	TagVirtualNetwork   Tag = 2104
	TagJVM              Tag = 2105
	TagJMX              Tag = 2106
	TagMemcacheOld      Tag = 2200
	TagHTTPCounters     Tag = 2201
	TagAppCounters      Tag = 2202
	TagAppResources     Tag = 2203
	TagMemcacheCounters Tag = 2204
	TagVDI              Tag = 2205
	TagAppWorkers       Tag = 2206
	TagOpenVSwitch      Tag = 2207
	TagNVML             Tag = 5703<<12 | 1
	TagBroadcomTables   Tag = 4413<<12 | 3
	headerOld           Tag = 0xfff00001 // layouts of versions 2 and 4 that version 5 has changed
	userOld             Tag = 0xfff003ec
	urlOld              Tag = 0xfff003ed
	gatewayOld          Tag = 0xfff003eb
	gatewayOldest       Tag = 0xffe003eb
)
