package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/cilium/ebpf"
	xbpf "golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/bpf"
	"github.com/tapir-project/tapir/mirror/rtnl"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/source"
)

// Modes: how packets are copied.
const (
	ModeAuto = "auto" // what is faster, of what keeps every packet as it is
	ModeTC   = "tc"   // programs at the ingress of the stack
	ModeXDP  = "xdp"  // broadcast by XDP, before the stack; only for rules without options
)

// Config says what is mirrored and how.
type Config struct {
	Rules   []Rule `json:"rules"`
	Mode    string `json:"mode"`    // "" is ModeAuto
	Pass    bool   `json:"pass"`    // received packets go on to the host too; else a source is for mirroring only, and they end here
	Persist bool   `json:"persist"` // go on when the process ends, until Stop

	// Filter compiles filters; its Expr is ignored. See source.Filter.
	Filter source.Filter `json:"-"`
	// Guard is the command line of a process that calls the function Guard, for kernels without tcx.
	Guard []string `json:"-"`
	// NoTCX attaches as on kernels without tcx.
	NoTCX bool `json:"-"`
	// Review is how often it is looked whether the traffic is still that for which a probe decided; 0: every minute.
	Review time.Duration `json:"review,omitempty"`
	Log    *slog.Logger  `json:"-"` // nil: slog.Default()
}

// compile compiles a filter and checks the program.
func (c *Config) compile(expr string) ([]xbpf.RawInstruction, error) {
	f := c.Filter
	f.Expr = expr
	raw, err := f.Raw(record.LinkEthernet)
	if err != nil {
		return nil, err
	}
	if _, err := source.NewProgram(raw); err != nil {
		return nil, fmt.Errorf("filter %q: %w", expr, err)
	}
	return raw, nil
}

// Manager carries out rules. Open makes one; Run keeps it up to date; Close ends it. Its methods are called by the
// goroutine that opened it, but for those that say otherwise.
type Manager struct {
	cfg      Config
	nl       *rtnl.Conn
	kernel   *kernel
	guard    *guard
	promisc  *promiscuous
	tap      *tap
	state    state
	programs map[uint32][]xbpf.RawInstruction // filters, by id
	sources  map[string]*attached
	shapers  map[string]*shaper
	tracers  map[string]attachment // programs that tell what broadcasts lose, by name
	known    map[string]bool       // interfaces that were there when they were accepted
	now      map[string]target     // where outputs go, by the rules as they are carried out
	waiting  bool                  // a next host has been asked for its address
	requests chan request
	control  *control
	pins     *pins
	adopted  bool // the kernel side was there before
}

// state is what a later process has to know to take over: which ids stand for what.
type state struct {
	Config   Config            `json:"config"`
	Started  time.Time         `json:"started"`
	Secret   [2]uint32         `json:"secret"`
	Counters map[string]uint32 `json:"counters"`
	Shapes   map[string]uint32 `json:"shapes"`
	Filters  map[string]uint32 `json:"filters"`
	Slots    map[string]uint32 `json:"slots"` // of sources
	Fast     []fastCount       `json:"fast"`
	Promisc  map[string]bool   `json:"promisc"` // sources whose flag was set, and is to be cleared
	Tap      bool              `json:"tap"`     // the recorder's interface was kept, and is to be removed
	Base     map[string]device `json:"base"`    // counters of outputs' interfaces at the beginning
	// What drivers and the kernel lose of broadcasts: why it is not counted, if so, and by the counter of a source and an output
	// how many frames are known to have met no driver.
	Uncounted string            `json:"uncounted"`
	Skipped   map[uint32]uint64 `json:"skipped"`
}

// fastCount is the counter of a broadcast; its packets count for a source, rules and copies as well.
type fastCount struct {
	ID     uint32            `json:"id"`
	Counts []uint32          `json:"counts"`
	Pairs  map[uint32]uint32 `json:"pairs,omitempty"` // by the counter of a copy, that of what the output's driver did
}

// attached is a source with what is attached to it.
type attached struct {
	index    int
	slot     uint32
	tc       attachment
	xdp      attachment
	how      string          // "tcx" or "clsact"
	fast     way             // that xdp is; wayTC without
	prog     *ebpf.Program   // the broadcast, which stays loaded while a probe takes it off and puts it back
	fastKey  string          // what prog was made for
	froms    []uint32        // as in broadcast
	probe    *probe          // of the ways, nil if there is only one
	reviewed bpf.MirrorCount // what it had received at the last review; zero: there was none
	probing  uint32          // the longest gap that the programs note, ns; 0: none
	filters  map[uint32]bool
	plan     bpf.MirrorPlan
}

// shaper is the egress program on an output's interface.
type shaper struct {
	index int
	at    attachment
}

// Open checks the rules, attaches what they need and starts copying. On an error nothing stays attached.
func Open(cfg Config) (m *Manager, err error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Mode == "" {
		cfg.Mode = ModeAuto
	}
	if cfg.Mode != ModeAuto && cfg.Mode != ModeTC && cfg.Mode != ModeXDP {
		return nil, fmt.Errorf("mirror: mode %q (want %s, %s or %s)", cfg.Mode, ModeAuto, ModeTC, ModeXDP)
	}
	m = &Manager{cfg: cfg, guard: newGuard(&cfg), programs: map[uint32][]xbpf.RawInstruction{}, sources: map[string]*attached{},
		shapers: map[string]*shaper{}, tracers: map[string]attachment{}, known: map[string]bool{}, requests: make(chan request)}
	defer func() {
		if err != nil {
			m.cfg.Persist = m.adopted // what another process left goes on as it was
			err = errors.Join(err, m.Close())
			m = nil
		}
	}()
	if m.nl, err = rtnl.Dial(); err != nil {
		return m, err
	}
	if err := checkForm(cfg.Rules); err != nil {
		return m, err
	}
	if err := m.checkNow(cfg.Rules, nil); err != nil {
		return m, err
	}
	if m.control, err = listen(); err != nil {
		return m, err
	}
	if m.promisc, err = newPromiscuous(); err != nil {
		return m, err
	}
	if err := m.begin(); err != nil {
		return m, err
	}
	return m, m.Set(cfg.Rules)
}

// begin makes a new kernel side, or takes over one that persisted.
func (m *Manager) begin() (err error) {
	if m.pins, err = openPins(); err != nil {
		return err
	}
	if m.pins.exist() {
		if !m.cfg.Persist {
			return fmt.Errorf("mirror: one that was started with --persist is running here (tapir mirror stop ends it; --persist takes it over)")
		}
		return m.adopt()
	}
	if m.kernel, err = newKernel(nil, [2]uint32{}); err != nil {
		return err
	}
	m.state = state{Started: time.Now(), Secret: m.kernel.secret, Counters: map[string]uint32{}, Shapes: map[string]uint32{}, Filters: map[string]uint32{},
		Slots: map[string]uint32{}, Promisc: map[string]bool{}, Base: map[string]device{}, Skipped: map[uint32]uint64{}}
	return nil
}

// checkNow checks rules against the interfaces there are now.
func (m *Manager) checkNow(rules []Rule, present func(string) bool) error {
	links, err := m.nl.Links()
	if err != nil {
		return err
	}
	if err := m.checkMode(rules); err != nil {
		return err
	}
	return Check(rules, links, present)
}

// checkMode refuses options with XDP alone.
func (m *Manager) checkMode(rules []Rule) error {
	if m.cfg.Mode != ModeXDP {
		return nil
	}
	for i := range rules {
		r := &rules[i]
		for _, o := range r.To {
			if r.Options() != "" || o.Remote != nil || o.Name == Tapir || m.cfg.Pass {
				return inRule(rules, i, fmt.Errorf("mode xdp copies every packet as it is, to interfaces, and keeps none for the host (use --mode auto)"))
			}
		}
	}
	return nil
}

// Set changes the rules while packets flow: those that stay lose none. If the new ones cannot be carried out, the old
// ones stay.
func (m *Manager) Set(rules []Rule) error {
	if err := m.checkNow(rules, func(name string) bool { return m.known[name] }); err != nil {
		return err
	}
	old := m.state.Config.Rules
	if err := m.apply(rules); err != nil {
		if old != nil {
			err = errors.Join(err, m.apply(old))
		}
		return err
	}
	m.state.Config = m.cfg
	m.state.Config.Rules = rules
	m.cfg.Rules = rules
	m.known = map[string]bool{}
	for i := range rules {
		for _, name := range rules[i].interfaces() {
			m.known[name] = true
		}
	}
	return m.save()
}

// apply makes the kernel do what rules say, with the interfaces there are now. What is as it should be is left alone.
func (m *Manager) apply(rules []Rule) error {
	if err := m.needTap(rules); err != nil {
		return err
	}
	links, err := m.links()
	if err != nil {
		return err
	}
	m.waiting = false
	targets := m.targets(rules, links)
	plans, err := m.plans(rules, targets)
	if err != nil {
		return err
	}
	m.remember(targets, links)
	if err := m.attachShapers(rules, targets); err != nil {
		return err
	}
	want := map[int]bool{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(plans)) {
		l, ok := links[name]
		if !ok {
			m.detach(name) // gone: what was attached went with it
			continue
		}
		want[l.Index] = true
		err := m.attach(name, l, plans[name], links)
		if errors.Is(err, unix.ENOLINK) { // the interface is about to go; if it was made anew, the next turn attaches it
			m.detach(name)
			m.waiting = true
		} else if err != nil {
			errs = append(errs, fmt.Errorf("mirror %s: %w", name, err))
		}
	}
	for name := range m.sources {
		if plans[name] == nil {
			m.detach(name)
		}
	}
	m.dropShapers(rules, targets)
	m.now = targets
	errs = append(errs, m.dropPairs(links))
	return errors.Join(append(errs, m.takeAll(want, links))...)
}

// links are the interfaces by name.
func (m *Manager) links() (map[string]rtnl.Link, error) {
	all, err := m.nl.Links()
	if err != nil {
		return nil, err
	}
	out := make(map[string]rtnl.Link, len(all))
	for _, l := range all {
		out[l.Name] = l
	}
	return out, nil
}

// Run keeps up with what changes until ctx ends or a request asks it to stop: interfaces that vanish and return, roads to
// remote hosts, rules.
func (m *Manager) Run(ctx context.Context) error {
	changes, stop, err := m.watch()
	if err != nil {
		return err
	}
	defer stop()
	serving, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan struct{})
	go func() {
		defer close(served)
		m.control.serve(serving, m.requests)
	}()
	defer func() {
		cancel()
		m.control.close()
		<-served
	}()
	retry := time.NewTicker(time.Second)
	defer retry.Stop()
	review := time.NewTicker(cmp.Or(m.cfg.Review, reviewEvery))
	defer review.Stop()
	reviewed := time.Now()
	var probe <-chan time.Time // nil while nothing is probed
	wait := probeIdle
	for {
		if probe == nil && m.probing() {
			probe = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-probe:
			probe = nil
			wait = m.advance()
		case now := <-review.C:
			m.review(now.Sub(reviewed))
			reviewed = now
		case <-changes:
			m.refresh()
		case <-retry.C:
			if m.waiting {
				m.refresh()
			}
		case r := <-m.requests:
			if m.answer(r) {
				return nil
			}
		}
	}
}

// refresh applies the rules to what changed. What fails is tried again at the next change.
func (m *Manager) refresh() {
	if err := m.apply(m.cfg.Rules); err != nil {
		m.cfg.Log.Warn("mirror", "error", err)
		m.waiting = true
	}
	if err := m.save(); err != nil {
		m.cfg.Log.Warn("mirror", "error", err)
	}
}

// watch tells of changes until stop is called. Many at once are one.
func (m *Manager) watch() (<-chan struct{}, func(), error) {
	mon, err := rtnl.Watch()
	if err != nil {
		return nil, nil, err
	}
	changes, done := make(chan struct{}, 1), make(chan struct{})
	changes <- struct{}{} // what changed since the rules were applied
	go func() {
		defer close(done)
		for mon.Wait() {
			select {
			case changes <- struct{}{}:
			default: // one is waiting already
			}
		}
	}()
	return changes, func() { mon.Close(); <-done }, nil
}

// Close takes everything off the interfaces, or leaves it there if it is to persist.
func (m *Manager) Close() error {
	var errs []error
	if m.control != nil {
		m.control.close()
	}
	for name := range m.sources {
		if m.cfg.Persist {
			m.sources[name].release()
			continue
		}
		errs = append(errs, m.detach(name))
	}
	for name, s := range m.shapers {
		end := s.at.Close
		if m.cfg.Persist {
			end = s.at.release
		}
		errs = append(errs, end())
		delete(m.shapers, name)
	}
	for name, at := range m.tracers {
		end := at.Close
		if m.cfg.Persist {
			end = at.release
		}
		errs = append(errs, end())
		delete(m.tracers, name)
	}
	if m.promisc != nil {
		errs = append(errs, m.promisc.close())
	}
	if m.tap != nil {
		errs = append(errs, m.tap.close())
	}
	undo := m.kernel != nil && !m.cfg.Persist && m.pins.exist()
	if undo {
		errs = append(errs, restore(m.nl, &m.state))
	}
	errs = append(errs, m.guard.close())
	if m.kernel != nil {
		m.kernel.close()
	}
	if m.pins != nil {
		if undo {
			errs = append(errs, m.pins.remove())
		}
		m.pins.close()
	}
	if m.nl != nil {
		errs = append(errs, m.nl.Close())
	}
	return errors.Join(errs...)
}
