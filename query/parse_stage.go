package query

import (
	"slices"
	"strconv"
	"strings"
)

// Bounds on stages.
const (
	maxStages  = 16
	maxRows    = 100_000 // of top and head
	maxMetrics = 16
	maxBy      = 5 // both ends of a flow and what carries it
	maxSets    = 2 // of these that hold several values: each combination is a group
	maxColumns = 200
)

// stage parses one stage behind its pipe.
func (p *parser) stage() (s stageNode, err *Error) {
	p.space()
	p.want(hint{what: wantStage})
	w := p.name()
	s.name, s.at = strings.ToLower(w.text), w.at
	p.mark(w.at.from, w.at.to, s.class())
	switch s.name {
	case "top":
		err = p.top(&s)
	case "count":
		err = p.by(&s, maxBy)
	case "stats":
		err = p.stats(&s)
	case "timechart":
		err = p.timechart(&s)
	case "sort":
		err = p.sort(&s)
	case "head":
		s.n, err = p.number(10)
	case "fields":
		s.fields, err = p.fields(maxColumns)
	case "":
		err = errAt(p.here(), "a stage is missing behind the |").expect(stageNames...)
	default:
		err = errAt(w.at, "unknown stage %s", quote(w.text)).expect(stageNames...)
		err.Suggest = nearestWords(w.text, stageNames)
	}
	s.to = p.pos
	return s, err
}

func (s *stageNode) class() Class {
	if slices.Contains(stageNames, s.name) {
		return ClassStage
	}
	return ClassError
}

// top parses [N] FIELD [by METRIC].
func (p *parser) top(s *stageNode) (err *Error) {
	if s.n, err = p.number(10); err != nil {
		return err
	}
	f, err := p.stageField(hint{})
	if err != nil {
		return err
	}
	s.fields = []word{f}
	if p.keywordHere("by") {
		m, err := p.metric()
		if err != nil {
			return err
		}
		s.metrics = []metricNode{m}
	}
	return nil
}

// stats parses METRIC, METRIC ... [by FIELD, FIELD].
func (p *parser) stats(s *stageNode) *Error {
	for {
		m, err := p.metric()
		if err != nil {
			return err
		}
		if s.metrics = append(s.metrics, m); len(s.metrics) > maxMetrics {
			return errAt(m.at, "stats takes at most %d metrics", maxMetrics)
		}
		if !p.comma() {
			return p.by(s, maxBy)
		}
	}
}

// timechart parses [INTERVAL] [METRIC] [by FIELD].
func (p *parser) timechart(s *stageNode) *Error {
	p.space()
	p.want(hint{what: wantArg, words: []string{"1s", "1m", "5m", "1h", "1d", "by"}, metrics: true})
	if c := p.peek(); c >= '0' && c <= '9' {
		w := p.name()
		p.mark(w.at.from, w.at.to, ClassNumber)
		s.interval = &w
		p.space()
		p.want(hint{what: wantArg, metrics: true})
	}
	if w := p.peekName(); w != "" && !strings.EqualFold(w, "by") {
		m, err := p.metric()
		if err != nil {
			return err
		}
		s.metrics = []metricNode{m}
	}
	return p.by(s, 1)
}

// sort parses FIELD or METRIC, then [asc|desc].
func (p *parser) sort(s *stageNode) *Error {
	p.space()
	if p.metricAhead() {
		m, err := p.metric()
		if err != nil {
			return err
		}
		s.metrics = []metricNode{m}
	} else {
		f, err := p.stageField(hint{metrics: true})
		if err != nil {
			return err
		}
		s.fields = []word{f}
	}
	p.space()
	p.want(hint{what: wantArg, words: []string{"asc", "desc"}})
	s.desc = p.keyword("desc", ClassKeyword)
	if !s.desc {
		p.keyword("asc", ClassKeyword)
	}
	return nil
}

// by parses [by FIELD, ...], most fields at most.
func (p *parser) by(s *stageNode, most int) (err *Error) {
	if p.keywordHere("by") {
		s.by, err = p.fields(most)
	}
	return err
}

// keywordHere takes a keyword, which completion may offer.
func (p *parser) keywordHere(w string) bool {
	p.space()
	p.want(hint{what: wantArg, words: []string{w}})
	return p.keyword(w, ClassKeyword)
}

// fields parses FIELD, FIELD, ...
func (p *parser) fields(most int) (list []word, err *Error) {
	for {
		w, err := p.stageField(hint{})
		if err != nil {
			return nil, err
		}
		if list = append(list, w); len(list) > most {
			return nil, errAt(w.at, "at most %d fields are taken here", most)
		}
		if !p.comma() {
			return list, nil
		}
	}
}

func (p *parser) comma() bool {
	p.space()
	if p.peek() != ',' {
		return false
	}
	p.mark(p.pos, p.pos+1, ClassPunctuation)
	p.pos++
	return true
}

// stageField parses the name of a field; h says what else may stand there and which fields fit.
func (p *parser) stageField(h hint) (word, *Error) {
	p.space()
	h.what, h.stored = wantField, true
	p.want(h)
	w := p.name()
	if w.text == "" {
		return w, errAt(p.here(), "a field is missing").expect("a field")
	}
	p.mark(w.at.from, w.at.to, ClassField)
	return w, nil
}

// number parses the N of top and head, which may be left out.
func (p *parser) number(deflt int) (int, *Error) {
	p.space()
	if c := p.peek(); c < '0' || c > '9' {
		return deflt, nil
	}
	w := p.name()
	p.mark(w.at.from, w.at.to, ClassNumber)
	n, err := strconv.Atoi(w.text)
	if err != nil || n < 1 || n > maxRows {
		return 0, errAt(w.at, "%s is not a number of rows", quote(w.text)).expect("1-" + strconv.Itoa(maxRows))
	}
	return n, nil
}

// metricAhead says whether a metric stands here: count, or a name and a parenthesis.
func (p *parser) metricAhead() bool {
	save := p.pos
	w := p.name()
	p.space()
	open := p.peek() == '('
	p.pos = save
	return open || strings.EqualFold(w.text, "count")
}

// metric parses count or FUNCTION(FIELD).
func (p *parser) metric() (m metricNode, err *Error) {
	p.space()
	p.want(hint{what: wantArg, metrics: true})
	w := p.name()
	m.fn, m.at = strings.ToLower(w.text), w.at
	if !m.known() {
		if w.text == "" {
			return m, errAt(p.here(), "a metric is missing").expect(shownMetrics()...)
		}
		err = errAt(w.at, "unknown metric %s", quote(w.text)).expect(shownMetrics()...)
		err.Suggest = nearestWords(w.text, metricNames)
		return m, err
	}
	p.mark(w.at.from, w.at.to, ClassFunction)
	err = p.metricField(&m)
	m.at.to = p.pos
	return m, err
}

// known reads the metric's function; percentiles are p and a number.
func (m *metricNode) known() bool {
	switch m.fn {
	case "count", "sum", "avg", "min", "max", "unique":
		return true
	}
	num, ok := strings.CutPrefix(m.fn, "p")
	if !ok || num == "" || len(num) > 6 || strings.Trim(num, "0123456789.") != "" {
		return false
	}
	p, err := strconv.ParseFloat(num, 64)
	m.fn, m.p = "p", p
	return err == nil && p > 0 && p < 100
}

// shownMetrics are the metrics as errors name them.
func shownMetrics() []string {
	out := []string{"count"}
	for _, m := range metricNames[1:] {
		out = append(out, m+"(field)")
	}
	return out
}

// metricField parses the field in parentheses behind a function; count may have empty ones.
func (p *parser) metricField(m *metricNode) (err *Error) {
	save := p.pos
	p.space()
	if p.peek() != '(' {
		if m.fn == "count" {
			p.pos = save
			return nil
		}
		return errAt(p.here(), "the field to compute with is missing").expect("(")
	}
	open := p.pos
	p.mark(open, open+1, ClassPunctuation)
	p.pos++
	if m.fn != "count" {
		if m.field, err = p.stageField(hint{numeric: m.fn != "unique"}); err != nil {
			return err
		}
	}
	p.space()
	if p.peek() != ')' {
		return errAt(span{open, open + 1}, "the parenthesis is not closed").expect(")")
	}
	p.mark(p.pos, p.pos+1, ClassPunctuation)
	p.pos++
	return nil
}
