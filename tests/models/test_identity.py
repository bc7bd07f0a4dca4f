from vtb.models.identity import weights_fingerprint


def test_weights_fingerprint_sees_name_size_ends_and_middle(tmp_path):
    path = tmp_path / "a.bin"
    content = bytearray(5 << 21)
    path.write_bytes(content)
    first = weights_fingerprint([path])
    middle = (len(content) - (1 << 16)) * 20 // 63
    for position in (0, middle, len(content) - 1):
        changed = bytearray(content)
        changed[position] = 1
        path.write_bytes(changed)
        assert weights_fingerprint([path]) != first
    path.write_bytes(content + b"\0")
    assert weights_fingerprint([path]) != first
    path.write_bytes(content)
    assert weights_fingerprint([path]) == first != weights_fingerprint([path, path])
