package flow

// Marks say what a segment was within its connection, as an analyst would. The counters of a session are sums of them.
type Marks uint8

// The marks.
const (
	Retransmission Marks = 1 << iota // brought what was there, or what should have come long before
	OutOfOrder                       // filled a hole so soon that the network, not the sender, brought it late
	DuplicateAck                     // RFC 5681 §2
	ZeroWindow                       // the sender of it takes no more
	Gap                              // bytes before it are missing: lost, or yet to come
	KeepAlive                        // RFC 9293 §3.8.4
	Reset
)

var markNames = [...]string{"retransmission", "out_of_order", "duplicate_ack", "zero_window", "gap", "keepalive", "reset"}

// AppendNames appends the names of the marks that are set.
func (m Marks) AppendNames(dst []string) []string {
	for i, name := range markNames {
		if m&(1<<i) != 0 {
			dst = append(dst, name)
		}
	}
	return dst
}
