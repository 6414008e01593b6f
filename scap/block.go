package scap

// The types of blocks.
const (
	blockSection  = 0x0A0D0D0A
	blockMachine  = 0x201
	blockPL1      = 0x202
	blockFD1      = 0x203
	blockEvent1   = 0x204
	blockIface1   = 0x205
	blockUser1    = 0x206
	blockPL2      = 0x207
	blockFlagged1 = 0x208
	blockPL3      = 0x209
	blockPL9      = 0x215
	blockEvent2   = 0x216
	blockFlagged2 = 0x217
	blockFD2      = 0x218
	blockIface2   = 0x219
	blockUser2    = 0x220
	blockEventBig = 0x221
	blockFlagBig  = 0x222
	magic         = 0x1A2B3C4D
	maxBlock      = 16 << 20 // bytes; the writers' largest is an event of 64 KiB, or a plugin's of a few MiB
	sectionHeader = 16       // magic, versions, section length; options may follow
	eventHeaderV1 = 22
	eventHeaderV2 = 26
	flagStateOnly = 1
	blockOverhead = 12 // type, length, length again
)

// aliases are the numbers that blocks had before they were settled.
var aliases = map[uint32]uint32{0x80000000: blockPL1, 0x8001ABCD: blockFD1, 0x8002ABCD: blockMachine, 0x8010ABCD: blockEvent1,
	0x8000ABCD: blockPL1, 0x8011ABCD: blockIface1, 0x8012ABCD: blockUser1, 0x8013ABCD: blockPL2, 0x8014ABCD: blockPL3}

// canonical is the settled number of a block's type.
func canonical(t uint32) uint32 {
	if t < 0x80000000 {
		return t
	}
	if c, ok := aliases[t]; ok {
		return c
	}
	return t
}

// isEvent says whether a block of the type holds an event.
func isEvent(t uint32) bool {
	switch t {
	case blockEvent1, blockEvent2, blockEventBig, blockFlagged1, blockFlagged2, blockFlagBig:
		return true
	}
	return false
}
