package sys

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// box is the container of the event's thread; nil if nothing is known of it. host says that the thread is in none.
func (e *Event) box() (c *Container, id string, host, ok bool) {
	if e.Thread == nil {
		return nil, "", false, false
	}
	id = e.Thread.ContainerID
	return e.s.boxes[id], id, id == "", true
}

// boxText is a text of the container; what the host has for it is onHost, "" for none.
func boxText(onHost string, text func(c *Container) string) textFunc {
	return func(_ *Field, e *Event, dst []byte) ([]byte, bool) {
		c, _, host, ok := e.box()
		switch {
		case !ok || host && onHost == "" || !host && c == nil:
			return dst, false
		case host:
			return append(dst, onHost...), true
		}
		s := text(c)
		return append(dst, s...), s != ""
	}
}

// label is a label of the container by the key that Kubernetes' runtimes give it.
func label(key string) textFunc {
	return boxText("", func(c *Container) string { return c.Labels[key] })
}

var containerFields = []definition{
	{name: "container.id", text: func(_ *Field, e *Event, dst []byte) ([]byte, bool) {
		_, id, host, ok := e.box()
		if host {
			return append(dst, "host"...), ok
		}
		return append(dst, id...), ok
	}},
	{name: "container.name", text: boxText("host", func(c *Container) string { return c.Name })},
	{name: "container.image", text: boxText("", func(c *Container) string { return c.Image })},
	{name: "container.image.id", text: boxText("", func(c *Container) string { return c.ImageID })},
	{name: "container.type", text: boxText("host", func(c *Container) string { return c.Type })},
	{name: "container.privileged", kind: Bool, num: func(_ *Field, e *Event) (int64, bool) {
		c, _, _, _ := e.box()
		if c == nil {
			return 0, false
		}
		return number(c.Privileged), true
	}},
	{name: "container.mounts", text: boxText("", func(c *Container) string {
		var all []string
		for i := range c.Mounts {
			all = append(all, c.Mounts[i].String())
		}
		return strings.Join(all, ",")
	})},
	{name: "container.mount", arg: mustArgument, text: mountText((*Mount).String)},
	{name: "container.mount.source", arg: mustArgument, text: mountText(func(m *Mount) string { return m.Source })},
	{name: "container.mount.dest", arg: mustArgument, text: mountText(func(m *Mount) string { return m.Destination })},
	{name: "container.mount.mode", arg: mustArgument, text: mountText(func(m *Mount) string { return m.Mode })},
	{name: "container.mount.rdwr", arg: mustArgument, text: mountText(func(m *Mount) string { return strconv.FormatBool(m.Writable) })},
	{name: "container.mount.propagation", arg: mustArgument, text: mountText(func(m *Mount) string { return m.Propagation })},
	{name: "container.image.repository", text: boxText("", func(c *Container) string { return c.Repository })},
	{name: "container.image.tag", text: boxText("", func(c *Container) string { return c.Tag })},
	{name: "container.image.digest", text: boxText("", func(c *Container) string { return c.Digest })},
	{name: "container.healthcheck", text: boxText("", func(c *Container) string { return c.Health })},
	{name: "container.liveness_probe", text: boxText("", func(c *Container) string { return c.Liveness })},
	{name: "container.readiness_probe", text: boxText("", func(c *Container) string { return c.Readiness })},
	{name: "k8s.pod.name", text: label("io.kubernetes.pod.name")},
	{name: "k8s.pod.id", text: label("io.kubernetes.pod.uid")},
	{name: "k8s.ns.name", text: label("io.kubernetes.pod.namespace")},
	{name: "k8s.pod.label", arg: mustArgument, text: podLabel},
	{name: "k8s.pod.labels", text: podLabels},
}

// String is the mount as one text.
func (m *Mount) String() string {
	return m.Source + ":" + m.Destination + ":" + m.Mode + ":" + strconv.FormatBool(m.Writable) + ":" + m.Propagation
}

// mountText is a text of the mount that the argument names: by its number, or by its source or destination, wildcards
// included.
func mountText(text func(m *Mount) string) textFunc {
	return func(f *Field, e *Event, dst []byte) ([]byte, bool) {
		c, _, _, _ := e.box()
		if c == nil {
			return dst, false
		}
		bySource := f.def.name == "container.mount.dest"
		for i := range c.Mounts {
			m := &c.Mounts[i]
			name := m.Destination
			if bySource {
				name = m.Source
			}
			fits := f.index == i
			if f.index < 0 {
				fits, _ = path.Match(f.arg, name)
			}
			if fits {
				return append(dst, text(m)...), true
			}
		}
		return dst, false
	}
}

// ownLabel says whether a label of a container is its pod's, not its runtime's.
func ownLabel(key string) bool {
	return !strings.HasPrefix(key, "io.kubernetes.") && !strings.HasPrefix(key, "annotation.")
}

func podLabel(f *Field, e *Event, dst []byte) ([]byte, bool) {
	c, _, _, _ := e.box()
	if c == nil || !ownLabel(f.arg) {
		return dst, false
	}
	v, ok := c.Labels[f.arg]
	return append(dst, v...), ok
}

// podLabels are all labels of the pod, sorted, with commas between.
func podLabels(_ *Field, e *Event, dst []byte) ([]byte, bool) {
	c, _, _, _ := e.box()
	if c == nil {
		return dst, false
	}
	n := len(dst)
	for _, key := range slices.Sorted(maps.Keys(c.Labels)) {
		if !ownLabel(key) {
			continue
		}
		if len(dst) > n {
			dst = append(dst, ", "...)
		}
		dst = append(append(append(dst, key...), ':'), c.Labels[key]...)
	}
	return dst, len(dst) > n
}
