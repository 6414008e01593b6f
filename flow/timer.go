package flow

// wheel is the timer wheel of a table: one slot for each quarter of a second of packet time, flows hung into the slot of their deadline.
// A deadline that has moved further away is noticed when its old slot comes up; one that moved nearer is moved at
// once. So a packet costs nothing here.
type wheel struct {
	slots [wheelSlots]*Flow
	now   int64 // slot of time that has been run
	begun bool
}

const (
	wheelSlots = 2048 // later deadlines wait in the last slot and are looked at again
	slotTime   = second / 4
	second     = int64(1e9)
)

// add hangs f in for f.deadline.
func (w *wheel) add(f *Flow) {
	at := f.deadline/slotTime + 1 // run when that time has wholly passed
	at = min(max(at, w.now+1), w.now+wheelSlots-1)
	i := int32(uint64(at) % wheelSlots)
	f.slot, f.prev, f.next = i, nil, w.slots[i]
	if f.next != nil {
		f.next.prev = f
	}
	w.slots[i] = f
}

// remove takes f out.
func (w *wheel) remove(f *Flow) {
	if f.slot < 0 {
		return
	}
	if f.prev != nil {
		f.prev.next = f.next
	} else {
		w.slots[f.slot] = f.next
	}
	if f.next != nil {
		f.next.prev = f.prev
	}
	f.slot, f.prev, f.next = -1, nil, nil
}

// sooner moves f to an earlier deadline.
func (w *wheel) sooner(f *Flow, deadline int64) {
	if f.slot >= 0 && deadline < f.deadline {
		w.remove(f)
		f.deadline = deadline
		w.add(f)
	}
}

// start sets the clock at the first packet.
func (w *wheel) start(now int64) {
	if !w.begun {
		w.begun, w.now = true, now/slotTime
	}
}

// run calls due for every flow whose slot has come by time now; due hangs it in again or ends it.
func (w *wheel) run(now int64, due func(f *Flow, now int64)) {
	target := now / slotTime
	if !w.begun || target <= w.now {
		return
	}
	if target-w.now > wheelSlots { // a jump longer than the wheel: every slot once is enough
		w.now = target - wheelSlots
	}
	for w.now < target {
		w.now++
		i := uint64(w.now) % wheelSlots
		for f := w.slots[i]; f != nil; f = w.slots[i] {
			w.remove(f)
			due(f, now)
			if f.slot == int32(i) { // a full turn ahead: do not look at it again in this run
				w.postpone(f)
			}
		}
	}
}

// postpone moves a flow that fell into the running slot to the next one.
func (w *wheel) postpone(f *Flow) {
	w.remove(f)
	i := int32(uint64(w.now+1) % wheelSlots)
	f.slot, f.prev, f.next = i, nil, w.slots[i]
	if f.next != nil {
		f.next.prev = f
	}
	w.slots[i] = f
}
