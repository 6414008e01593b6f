package sys

import (
	"encoding/json"
	"strings"
)

// Container is what is known of a container.
type Container struct {
	ID, Name, Image, ImageID    string
	Type                        string // docker, containerd, cri-o, podman, lxc, ...
	Repository, Tag, Digest     string
	Privileged                  bool
	IP                          string
	Mounts                      []Mount
	Labels                      map[string]string
	Health, Liveness, Readiness string
}

// Mount is one mount of a container.
type Mount struct {
	Source      string `json:"Source"`
	Destination string `json:"Destination"`
	Mode        string `json:"Mode"`
	Writable    bool   `json:"RW"`
	Propagation string `json:"Propagation"`
}

// containerTypes are the engines by the number that captures use.
var containerTypes = map[int]string{0: "docker", 1: "lxc", 2: "libvirt-lxc", 3: "mesos", 4: "rkt", 6: "cri", 7: "containerd", 8: "cri-o", 10: "static",
	11: "podman"}

// containerOf finds the id of the container that control groups belong to; "" if they are the host's. Engines name the
// group by the 64 hexadecimal digits of the container's id, of which twelve are shown, with a prefix and a suffix of
// their own: /docker/ID, docker-ID.scope, cri-containerd-ID.scope, crio-ID, libpod-ID.scope, /kubepods/.../ID. LXC names
// it /lxc/NAME or lxc.payload.NAME.
func containerOf(cgroups []byte) (id string) {
	eachText(cgroups, func(b []byte) bool {
		_, path, ok := strings.Cut(string(b), "=")
		if !ok {
			path = string(b)
		}
		last := path[strings.LastIndexByte(path, '/')+1:]
		last = strings.TrimSuffix(last, ".scope")
		if i := strings.LastIndexAny(last, "-:"); i >= 0 {
			last = last[i+1:]
		}
		switch {
		case len(last) == 64 && strings.Trim(last, "0123456789abcdef") == "":
			id = last[:12]
		default:
			id = lxcName(path)
		}
		return id == ""
	})
	return id
}

func lxcName(path string) string {
	for _, prefix := range []string{"/lxc/", "/lxc.payload/", "/lxc.payload."} {
		if _, rest, ok := strings.Cut(path, prefix); ok {
			name, _, _ := strings.Cut(rest, "/")
			return name
		}
	}
	return ""
}

// Container is the container with the id; nil if nothing is known of it.
func (s *Inspector) Container(id string) *Container { return s.boxes[id] }

// SetContainer tells of a container; live captures learn of them from their engines' files.
func (s *Inspector) SetContainer(c *Container) {
	if len(s.boxes) < maxThreads {
		s.boxes[c.ID] = c
	}
}

// onContainer: the oldest events of containers.
func onContainer(s *Inspector, e *Event) {
	kind, _ := e.Int(1)
	s.SetContainer(&Container{ID: string(e.Text(0)), Type: containerTypes[int(kind)], Name: string(e.Text(2)), Image: string(e.Text(3))})
}

// containerJSON is what captures tell of a container.
type containerJSON struct {
	Container struct {
		ID             string            `json:"id"`
		FullID         string            `json:"full_id"`
		Type           int               `json:"type"`
		Name           string            `json:"name"`
		Image          string            `json:"image"`
		ImageID        string            `json:"imageid"`
		Repository     string            `json:"imagerepo"`
		Tag            string            `json:"imagetag"`
		Digest         string            `json:"imagedigest"`
		Privileged     bool              `json:"privileged"`
		IP             string            `json:"ip"`
		Mounts         []Mount           `json:"Mounts"`
		Labels         map[string]string `json:"labels"`
		Healthcheck    any               `json:"Healthcheck"`
		LivenessProbe  any               `json:"LivenessProbe"`
		ReadinessProbe any               `json:"ReadinessProbe"`
	} `json:"container"`
}

func onContainerJSON(s *Inspector, e *Event) {
	var doc containerJSON
	if json.Unmarshal(e.Text(0), &doc) != nil || doc.Container.ID == "" {
		return
	}
	c := &doc.Container
	s.SetContainer(&Container{ID: c.ID, Type: containerTypes[c.Type], Name: c.Name, Image: c.Image, ImageID: c.ImageID, Repository: c.Repository,
		Tag: c.Tag, Digest: c.Digest, Privileged: c.Privileged, IP: c.IP, Mounts: c.Mounts, Labels: c.Labels,
		Health: probeText(c.Healthcheck), Liveness: probeText(c.LivenessProbe), Readiness: probeText(c.ReadinessProbe)})
}

// probeText is a health probe as a command line.
func probeText(v any) string {
	m, ok := v.(map[string]any)
	if !ok {
		return ""
	}
	parts := []string{}
	if exe, ok := m["exe"].(string); ok {
		parts = append(parts, exe)
	}
	if args, ok := m["args"].([]any); ok {
		for _, a := range args {
			if s, ok := a.(string); ok {
				parts = append(parts, s)
			}
		}
	}
	return strings.Join(parts, " ")
}
