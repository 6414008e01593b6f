function starts(s, prefix)
	return prefix == "" or s:sub(1, #prefix) == prefix
end
