package query

import (
	"strings"

	"github.com/tapir-project/tapir/record"
)

// parseText makes the syntax tree of a query.
// Unknown names are compared with the fields of the kinds given.
func parseText(text string, kinds record.KindSet) (where node, stages []stageNode, err *Error) {
	if len(text) > MaxText {
		return nil, nil, errAt(span{MaxText, len(text)}, "the query has %d bytes; at most %d are taken", len(text), MaxText)
	}
	p := &parser{src: text, kinds: kinds}
	return p.query()
}

// query parses the whole text.
func (p *parser) query() (where node, stages []stageNode, err *Error) {
	p.want(hint{what: wantField, start: true})
	p.space()
	if !p.atEnd() && p.peek() != '|' {
		if where, err = p.or(); err != nil {
			return nil, nil, err
		}
	}
	for p.pipe() {
		s, err := p.stage()
		if err != nil {
			return nil, nil, err
		}
		if stages = append(stages, s); len(stages) > maxStages {
			return nil, nil, errAt(s.at, "a query has at most %d stages", maxStages)
		}
	}
	if !p.atEnd() {
		return nil, nil, p.unexpected(stages != nil)
	}
	return where, stages, nil
}

// unexpected is the error about what stands behind a complete condition or stage.
func (p *parser) unexpected(inStages bool) *Error {
	at := p.here()
	if p.peek() == ')' {
		return errAt(at, "this parenthesis closes nothing")
	}
	got := quote(p.src[at.from:at.to])
	if inStages {
		return errAt(at, "%s does not belong to the stage", got).expect("|", "the end")
	}
	e := errAt(at, "%s cannot follow a condition", got).expect("&&", "||", "|")
	if name := strings.ToLower(p.peekName()); p.stageAhead() {
		e.Msg = "the stage " + name + " needs a | before it"
	}
	return e
}

// pipe takes a | that begins a stage. That it does not join conditions is known: or has looked at it.
func (p *parser) pipe() bool {
	p.space()
	p.want(hint{what: wantArg, words: []string{"|"}})
	if p.peek() != '|' || byteAt(p.src, p.pos+1) == '|' {
		return false
	}
	p.mark(p.pos, p.pos+1, ClassPipe)
	p.pos++
	return true
}

// or parses conditions joined by || and what binds tighter.
func (p *parser) or() (node, *Error) { return p.joined(true, p.and, p.orSign) }

// and parses conditions joined by && and what binds tighter.
func (p *parser) and() (node, *Error) { return p.joined(false, p.not, p.andSign) }

// joined parses one or more of part with sign between them.
func (p *parser) joined(or bool, part func() (node, *Error), sign func() bool) (node, *Error) {
	n, err := part()
	if err != nil {
		return nil, err
	}
	var l *logicNode
	for sign() {
		kid, err := part()
		if err != nil {
			return nil, err
		}
		if l == nil {
			l = &logicNode{or: or, kids: []node{n}}
			n = l
		}
		l.kids = append(l.kids, kid)
	}
	return n, nil
}

// orSign takes "||", "or", or a "|" that no stage follows.
func (p *parser) orSign() bool {
	p.space()
	p.want(hint{what: wantLogic})
	if p.peek() != '|' {
		return p.keyword("or", ClassKeyword)
	}
	from := p.pos
	p.pos++
	if p.peek() == '|' {
		p.pos++
	} else if p.stageAhead() {
		p.pos = from
		return false
	}
	p.mark(from, p.pos, ClassKeyword)
	if p.pos == from+1 {
		p.pipeAt = p.pos
	}
	return true
}

// afterPipe says whether a single | stands before pos: a stage may have been meant.
func (p *parser) afterPipe() bool {
	return p.pipeAt > 0 && p.pipeAt <= p.pos && strings.TrimSpace(p.src[p.pipeAt:p.pos]) == ""
}

// andSign takes "&&", "&" or "and".
func (p *parser) andSign() bool {
	p.space()
	p.want(hint{what: wantLogic})
	if p.peek() != '&' {
		return p.keyword("and", ClassKeyword)
	}
	from := p.pos
	p.pos++
	if p.peek() == '&' {
		p.pos++
	}
	p.mark(from, p.pos, ClassKeyword)
	return true
}

// not parses a condition, negated any number of times, in parentheses or plain.
func (p *parser) not() (node, *Error) {
	if p.depth++; p.depth > maxDepth {
		return nil, errAt(p.here(), "conditions are nested more than %d deep", maxDepth)
	}
	defer func() { p.depth-- }()
	if p.tokens > maxTokens {
		return nil, p.tooLong()
	}
	p.space()
	p.want(hint{what: wantField, start: true, pipe: p.afterPipe()})
	from := p.pos
	switch {
	case p.peek() == '!' || p.keyword("not", ClassKeyword):
		if p.pos == from {
			p.pos++
			p.mark(from, p.pos, ClassKeyword)
		}
		at := span{from, p.pos}
		x, err := p.not()
		if err != nil {
			return nil, err
		}
		return &notNode{x, at}, nil
	case p.peek() == '(':
		return p.group()
	case p.peek() == '*':
		p.pos++
		p.mark(from, p.pos, ClassKeyword)
		return &allNode{span{from, p.pos}}, nil
	}
	return p.test()
}

// group parses a condition in parentheses.
func (p *parser) group() (node, *Error) {
	open := p.pos
	p.pos++
	p.mark(open, p.pos, ClassPunctuation)
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	p.space()
	if p.atEnd() {
		return nil, errAt(span{open, open + 1}, "the parenthesis is not closed").expect(")")
	}
	if p.peek() != ')' {
		return nil, p.unexpected(false)
	}
	p.mark(p.pos, p.pos+1, ClassPunctuation)
	p.pos++
	return n, nil
}

// test parses FIELD OP VALUE.
func (p *parser) test() (node, *Error) {
	n := &testNode{field: p.fieldName()}
	if n.field.text == "" {
		return nil, p.noField()
	}
	p.mark(n.field.at.from, n.field.at.to, ClassField)
	if err := p.operator(n); err != nil {
		return nil, err
	}
	if n.op == opExists {
		return n, nil
	}
	var err *Error
	n.arg, err = p.operand(n)
	return n, err
}

// fieldName scans the name of a field and, right behind it in brackets, the argument that some of sysdig's fields take.
func (p *parser) fieldName() word {
	w := p.name()
	if w.text == "" || p.peek() != '[' {
		return w
	}
	if n := strings.IndexByte(p.src[p.pos:], ']'); n > 0 {
		p.pos += n + 1
		w.at.to = p.pos
		w.text = p.src[w.at.from:p.pos]
	}
	return w
}

// noField is the error about what stands where a condition should begin.
func (p *parser) noField() *Error {
	if p.atEnd() && p.afterPipe() {
		return errAt(p.here(), "a condition or a stage is missing behind the |").expect(append([]string{"a field"}, stageNames...)...)
	}
	if p.atEnd() {
		return errAt(p.here(), "a condition is missing").expect("a field", "!", "(")
	}
	return errAt(p.here(), "a condition cannot begin with %s", quote(p.src[p.here().from:p.here().to])).expect("a field", "!", "(")
}

// operator parses what stands behind the field.
func (p *parser) operator(n *testNode) *Error {
	p.space()
	p.want(hint{what: wantOp, field: n.field.text})
	rest := p.src[p.pos:]
	for _, s := range symbolOps {
		if strings.HasPrefix(rest, s.text) {
			n.op, n.opAt = s.op, span{p.pos, p.pos + len(s.text)}
			p.pos = n.opAt.to
			p.mark(n.opAt.from, n.opAt.to, ClassOperator)
			return nil
		}
	}
	save := p.pos
	w := p.name()
	op, ok := wordOps[strings.ToLower(w.text)]
	if !ok {
		p.pos = save
		return p.noOperator(n.field)
	}
	n.op, n.opAt = op, w.at
	p.mark(w.at.from, w.at.to, ClassOperator)
	return nil
}

// noOperator is the error about a name without an operator. A name that is no field's is the greater fault.
func (p *parser) noOperator(field word) *Error {
	f, known := lookup(field.text)
	if isView(field.text) {
		f, known = viewField, true
	}
	if known {
		return errAt(p.here(), "an operator is missing behind %s", field.text).expect(opsOf(f.Type)...)
	}
	e := unknownField(field, p.kinds)
	if p.pipeAt > 0 && p.pipeAt <= field.at.from && strings.TrimSpace(p.src[p.pipeAt:field.at.from]) == "" {
		e.Suggest = append(nearestWords(field.text, stageNames), e.Suggest...)
	}
	for _, s := range stageNames {
		if strings.EqualFold(field.text, s) {
			return errAt(field.at, "the stage %s needs a | before it", s).expect("| " + s)
		}
	}
	if len(e.Suggest) == 0 {
		e.expect("FIELD OPERATOR VALUE")
	}
	return e
}

// operand parses what stands right of n's operator.
func (p *parser) operand(n *testNode) (operand, *Error) {
	p.space()
	p.want(hint{what: wantValue, field: n.field.text, op: n.op})
	switch c := p.peek(); {
	case c == '[' || c == ']' || c == '(' && n.op.plain():
		return p.list(n.op)
	case n.op == opIn || n.op == opPmatch:
		return operand{}, errAt(p.here(), "%s takes a list", n.op).expect("(")
	}
	v, err := p.value(n.op)
	if err != nil {
		if f, ok := lookup(n.field.text); ok && len(err.Expected) == 0 {
			err.Expected = valueWords(f)
		}
		return operand{}, err
	}
	o := operand{values: []value{v}, at: v.at}
	if v.kind == bareValue && strings.EqualFold(v.text, "EXISTS!") && n.op <= opNe {
		n.op += opExists - opEq
	}
	return o, nil
}
