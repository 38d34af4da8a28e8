"""A process tells its keys in the name of its sessions."""

from anselai.adapters.postgres.ring_names import named, ring_in

IDS = [f"{n:012x}" for n in range(0x10000000, 0x1000000A)]


def test_a_ring_is_read_back_from_the_name() -> None:
    for number in range(1, 5):
        assert ring_in(named("anselai", IDS[:number])) == tuple(each[:8] for each in IDS[:number])


def test_a_process_that_tells_no_keys_keeps_its_name() -> None:
    assert named("my own name", []) == "my own name"
    assert ring_in("my own name") is None
    assert ring_in("keys keys 12") is None


def test_a_process_with_its_keys_in_files_says_so_before_the_keys_that_it_has_besides() -> None:
    assert named("anselai", ["files"]) == "anselai keys files"
    for number in range(4):
        assert ring_in(named("anselai", ["files", *IDS[:number]])) == ("files", *(each[:8] for each in IDS[:number]))


def test_what_does_not_fit_is_left_out_and_said_so() -> None:
    for name in ("anselai", "a name that is much longer than all others"):
        told = named(name, IDS)
        ring = ring_in(told)
        assert len(told) <= 63
        assert ring is not None
        assert ring[0] == IDS[0][:8]
        assert ring[-1] == "+"
