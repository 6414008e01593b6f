package syscalls

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"

	"github.com/tapir-project/tapir/scap"
)

// timesEvent tells how much processor time a thread has used, in ticks of a hundredth of a second: user, then system.
const timesEvent scap.Type = 234

// times are the processor times of a thread.
type times struct {
	thread       int64
	user, system uint64
}

// readTimes reads those of all threads.
func readTimes(out []times) []times {
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return out
	}
	for _, p := range processes {
		if number(p.Name()) <= 0 {
			continue
		}
		dir := fmt.Sprintf("/proc/%s/task/", p.Name())
		threads, _ := os.ReadDir(dir) // it may have ended
		for _, t := range threads {
			b, err := os.ReadFile(dir + t.Name() + "/stat")
			if err != nil {
				continue
			}
			f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
			if len(f) >= 13 { // behind the name: state, ten numbers, user, system
				out = append(out, times{number(t.Name()), uint64(number(f[11])), uint64(number(f[12]))})
			}
		}
	}
	return out
}

// nextTimes makes e the next of the events that tell of processor times, if one is due.
func (s *Source) nextTimes(e *scap.Event) bool {
	if len(s.times) == 0 {
		return false
	}
	t := s.times[0]
	s.times = s.times[1:]
	s.dropped = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(s.dropped[:0], t.user), t.system)
	*e = scap.Event{Time: s.at, Thread: t.thread, Type: timesEvent}
	return e.Set([]byte{8, 0, 8, 0}, s.dropped)
}
