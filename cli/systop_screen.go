package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/tapir-project/tapir/app"
	"github.com/tapir-project/tapir/sys"
	"github.com/tapir-project/tapir/sys/top"
)

// topSession reads events into a view while keys change it.
type topSession struct {
	open func(filter string) (app.SysSource, error) // what events come from, which may leave out what the filter does
	live bool

	mu      sync.Mutex // guards what follows
	damage  string     // what a file or the capture lost
	filter  string     // of the last reading
	top     *top.Top
	reading int // number of the reading whose events count; those of earlier ones are left out
	cancel  context.CancelFunc
	ended   chan struct{} // closed when the last reading has ended
}

// start begins to read from the first event, once the reading before has ended.
func (s *topSession) start(ctx context.Context, failed func(error)) {
	s.stop()
	ctx, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	s.reading++
	number := s.reading
	s.cancel, s.ended = cancel, make(chan struct{})
	ended := s.ended
	s.top.Restart()
	s.damage, s.filter = "", s.top.Filter()
	feed, err := s.open(s.filter)
	s.top.State("reading")
	if s.live {
		s.top.State("live")
	}
	s.mu.Unlock()
	go func() {
		defer close(ended)
		if err != nil {
			failed(err)
			return
		}
		damaged, err := feed.Run(ctx, sys.New(), func(e *sys.Event) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.reading != number {
				return errStop
			}
			return s.top.Event(e)
		})
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case s.reading != number || errors.Is(err, errStop) || errors.Is(err, context.Canceled):
		case err != nil:
			failed(err)
		default:
			s.top.Done()
			s.top.State(s.whole(damaged))
		}
	}()
}

// warn takes note of what is not there.
func (s *topSession) warn(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.damage = err.Error(); s.live {
		s.top.State("live, " + s.damage)
	}
}

// whole says that all was read.
func (s *topSession) whole(damaged bool) string {
	if damaged {
		return "read as far as it is sound: " + s.damage
	}
	return "read to its end"
}

// stop ends the reading and waits for that.
func (s *topSession) stop() {
	s.mu.Lock()
	s.reading++
	cancel, ended := s.cancel, s.ended
	s.mu.Unlock()
	if cancel != nil {
		cancel()
		<-ended
	}
}

// press gives a key to the view. The events of a file that were wanted before it do not count any more when it asks for others.
// A live capture goes on; only another filter begins it anew.
func (s *topSession) press(key string) top.Want {
	s.mu.Lock()
	defer s.mu.Unlock()
	want := s.top.Press(key)
	if s.live && s.filter == s.top.Filter() && want != top.Quit {
		return top.Nothing
	}
	if want == top.Reread || want == top.Enough {
		s.reading++
	}
	if want == top.Enough {
		s.top.State(s.whole(s.damage != ""))
	}
	return want
}

// errStop ends a reading whose events nobody wants any more.
var errStop = errors.New("stopped")

// topModel is the session as Bubble Tea's program sees it.
type topModel struct {
	*topSession
	ctx           context.Context
	delay         time.Duration
	ticked        time.Time
	width, height int
	failed        chan error
}

// topTick is the message that it is time to draw.
type topTick time.Time

// refresh is how often the screen is drawn anew while events come.
const refresh = 250 * time.Millisecond

func tick() tea.Cmd {
	return tea.Tick(refresh, func(t time.Time) tea.Msg { return topTick(t) })
}

// Init begins to read.
func (m *topModel) Init() tea.Cmd {
	return tea.Batch(tick(), m.read)
}

// read reads from the first event on, and hands on why that did not work.
func (m *topModel) read() tea.Msg {
	m.start(m.ctx, func(err error) {
		select {
		case m.failed <- err:
		default:
		}
	})
	return nil
}

// Update takes keys, sizes and the time.
func (m *topModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case topTick:
		select {
		case err := <-m.failed:
			m.failed <- err
			return m, tea.Quit
		default:
		}
		if now := time.Time(msg); m.live && now.Sub(m.ticked) >= m.delay {
			m.ticked = now
			m.mu.Lock()
			m.top.Tick(now.UnixNano())
			m.mu.Unlock()
		}
		return m, tick()
	case tea.KeyPressMsg:
		switch m.press(msg.String()) {
		case top.Quit:
			return m, tea.Quit
		case top.Reread:
			return m, m.read
		}
	}
	return m, nil
}

// sgr are the looks as a terminal's attributes; what matters does not rest on color alone.
var sgr = [...]string{top.Text: "", top.Title: "1", top.Head: "7", top.Sorted: "1;4;7", top.Selected: "7", top.Dim: "2", top.Read: "31", top.Write: "34",
	top.KeyCap: "7", top.Alert: "1;33"}

// View draws the screen.
func (m *topModel) View() tea.View {
	if m.width == 0 {
		return tea.NewView("")
	}
	m.mu.Lock()
	lines := m.top.Screen(m.width, m.height)
	m.mu.Unlock()
	var b strings.Builder
	for i, l := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		for _, s := range l {
			if attr := sgr[s.Look]; attr != "" {
				fmt.Fprintf(&b, "\x1b[%sm%s\x1b[m", attr, s.Text)
			} else {
				b.WriteString(s.Text)
			}
		}
	}
	v := tea.NewView(b.String())
	v.AltScreen = true
	v.WindowTitle = "tapir sys top"
	return v
}

// show shows the view on the terminal until the user quits.
func (s *topSession) show(ctx context.Context, stdio Stdio, delay time.Duration) error {
	m := &topModel{topSession: s, ctx: ctx, delay: delay, failed: make(chan error, 1)}
	p := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(stdio.In), tea.WithOutput(stdio.Out), tea.WithoutSignalHandler())
	_, err := p.Run()
	s.stop()
	select {
	case err = <-m.failed:
	default:
	}
	return err
}
