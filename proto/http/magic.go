package http

import "bytes"

// signature is bytes at a place, and the media type they tell. Code marks what can carry a program: programs,
// archives, documents with macros; so can all that magic finds by other means, except media.
type signature struct {
	at   int
	text string
	mime string
	code bool
}

// signatures are tried in order for the body's first byte (those with at == 0), then the others. The types are
// called what libmagic calls them.
var signatures = [...]signature{
	{0, "\x00\x01\x00\x00\x00", "application/x-font-ttf", false},
	{0, "\x00\x00\x01\x00", "image/x-icon", false},
	{0, "\x00asm", "application/wasm", true},
	{0, "\x04\x22\x4d\x18", "application/x-lz4", true},
	{0, "\x1f\x8b", "application/x-gzip", true},
	{0, "\x1f\x9d", "application/x-compress", true},
	{0, "\x28\xb5\x2f\xfd", "application/zstd", true},
	{0, "%PDF-", "application/pdf", true},
	{0, "%!PS", "application/postscript", true},
	{0, "7z\xbc\xaf\x27\x1c", "application/x-7z-compressed", true},
	{0, "8BPS", "image/vnd.adobe.photoshop", false},
	{0, "BM", "application/x-ms-bmp", false},
	{0, "BZh", "application/x-bzip2", true},
	{0, "CWS", "application/x-shockwave-flash", true},
	{0, "FWS", "application/x-shockwave-flash", true},
	{0, "ZWS", "application/x-shockwave-flash", true},
	{0, "FLV\x01", "video/x-flv", false},
	{0, "GIF8", "image/gif", false},
	{0, "ID3", "audio/mpeg", false},
	{0, "II*\x00", "image/tiff", false},
	{0, "MM\x00*", "image/tiff", false},
	{0, "MSCF\x00\x00", "application/vnd.ms-cab-compressed", true},
	{0, "MZ", "application/x-dosexec", true},
	{0, "OTTO", "application/vnd.ms-opentype", false},
	{0, "PK\x03\x04", "application/zip", true},
	{0, "PK\x05\x06", "application/zip", true},
	{0, "PK\x07\x08", "application/zip", true},
	{0, "Rar!\x1a", "application/x-rar", true},
	{0, "SQLite format 3\x00", "application/x-sqlite3", false},
	{0, "WAVE", "audio/x-wav", false},
	{0, "d8:announce", "application/x-bittorrent", false},
	{0, "dex\n", "application/x-dex", true},
	{0, "fLaC", "audio/flac", false},
	{0, "icns", "image/x-icns", false},
	{0, "wOFF", "application/font-woff", false},
	{0, "wOF2", "application/font-woff2", false},
	{0, "xar!", "application/x-xar", true},
	{0, "{\\rtf", "text/rtf", true},
	{0, "\x7fELF", "application/x-executable", true},
	{0, "\x89PNG", "image/png", false},
	{0, "\xca\xfe\xba\xbe", "application/x-java-applet", true},
	{0, "\xce\xfa\xed\xfe", "application/x-mach-binary", true},
	{0, "\xcf\xfa\xed\xfe", "application/x-mach-binary", true},
	{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/vnd.ms-office", true},
	{0, "\xed\xab\xee\xdb", "application/x-rpm", true},
	{0, "\xfd7zXZ", "application/x-xz", true},
	{0, "\xff\xd8\xff", "image/jpeg", false},
	{4, "ftypqt", "video/quicktime", false},
	{4, "ftyp3g", "video/3gpp", false},
	{4, "ftypM4A", "audio/x-m4a", false},
	{4, "ftypavif", "image/avif", false},
	{4, "ftypheic", "image/heic", false},
	{4, "ftyp", "video/mp4", false},
	{8, "WEBP", "image/webp", false},
	{8, "AVI ", "video/x-msvideo", false},
	{0, "RIFF", "audio/x-wav", false},
	{257, "ustar", "application/x-tar", true},
}

// firstByte says which signatures can match by the body's first byte: indexes into signatures.
var firstByte, elsewhere = indexSignatures()

func indexSignatures() (first [256][]uint8, other []uint8) {
	for i := range signatures {
		if s := &signatures[i]; s.at == 0 && s.text != "RIFF" {
			first[s.text[0]] = append(first[s.text[0]], uint8(i))
		} else {
			other = append(other, uint8(i))
		}
	}
	return first, other
}

// minMagic is the shortest body that is judged.
const minMagic = 5

// magic tells the media type of a body from its first bytes, "" if they do not say, and whether it can carry code.
func magic(b []byte) (mime string, code bool) {
	if len(b) < minMagic {
		return "", false
	}
	for _, i := range firstByte[b[0]] {
		if signatures[i].matches(b) {
			return signatures[i].mime, signatures[i].code
		}
	}
	switch b[0] {
	case '<', ' ', '\t', '\r', '\n', 0xef:
		mime, code = markup(b), true
	case '#':
		mime, code = script(b), true
	case '{':
		mime = jsonText(b)
	case 0x1a:
		mime = matroska(b)
	case 'G':
		mime = transportStream(b)
	case 'O':
		mime = ogg(b)
	}
	if mime != "" {
		return mime, code
	}
	for _, i := range elsewhere {
		if signatures[i].matches(b) {
			return signatures[i].mime, signatures[i].code
		}
	}
	if bytes.Contains(b, []byte("document.write")) || bytes.Contains(b, []byte("'use strict'")) {
		return "text/javascript", true
	}
	return "", false
}

func (s *signature) matches(b []byte) bool {
	return len(b) >= s.at+len(s.text) && string(b[s.at:s.at+len(s.text)]) == s.text
}

// markup knows HTML, XML, SVG and PHP by their first tag, behind a byte order mark and white space.
func markup(b []byte) string {
	b = bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case hasPrefixFold(b, "<!doctype html"), hasPrefixFold(b, "<html"), hasPrefixFold(b, "<head"),
		hasPrefixFold(b, "<body"):
		return "text/html"
	case hasPrefixFold(b, "<?xml"):
		if bytes.Contains(b, []byte("<svg")) {
			return "image/svg+xml"
		}
		return "text/xml"
	case hasPrefixFold(b, "<svg"):
		return "image/svg"
	case hasPrefixFold(b, "<!doctype svg"):
		return "text/svg+xml"
	case hasPrefixFold(b, "<?php"), hasPrefixFold(b, "<? php"):
		return "text/x-php"
	}
	return ""
}

// script knows scripts by the interpreter in their first line.
func script(b []byte) string {
	if b[1] != '!' {
		return ""
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	for _, s := range [...][2]string{{"node", "application/javascript"}, {"perl", "text/x-perl"},
		{"ruby", "text/x-ruby"}, {"python", "text/x-python"}} {
		if bytes.Contains(line, []byte(s[0])) {
			return s[1]
		}
	}
	return "text/x-shellscript"
}

// jsonText knows objects whose first name begins with a letter.
func jsonText(b []byte) string {
	if c := lower[b[2]]; b[1] == '"' && c >= 'a' && c <= 'z' {
		return "application/json"
	}
	return ""
}

// matroska tells the two document types of EBML files apart.
func matroska(b []byte) string {
	switch {
	case !bytes.HasPrefix(b, []byte("\x1a\x45\xdf\xa3")):
	case bytes.Contains(b, []byte("webm")):
		return "video/webm"
	case bytes.Contains(b, []byte("matroska")):
		return "video/x-matroska"
	}
	return ""
}

// transportStream knows MPEG-2 transport streams by their packets of 188 bytes.
func transportStream(b []byte) string {
	const size = 188
	if len(b) > size && b[size] == 'G' && (len(b) <= 2*size || b[2*size] == 'G') {
		return "video/mp2t"
	}
	return ""
}

// ogg tells audio from video by the first packet's codec.
func ogg(b []byte) string {
	if !bytes.HasPrefix(b, []byte("OggS")) || len(b) < 40 {
		return ""
	}
	if string(b[28:35]) == "\x80theora" {
		return "video/ogg"
	}
	return "audio/ogg"
}
