"""The key files of the embedded database: whole, for their owner alone, and never without a key that is needed."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from anselai.adapters.crypto.aes_gcm import AesGcmCipher
from anselai.adapters.crypto.key_file import FILE_NAME, OLDER_NAME, KeyFiles, RenewedRing
from anselai.domain.connection import ConnectionKey
from anselai.domain.errors import InvalidSettings
from anselai.domain.ports.cipher import TokenBinding, key_id_of
from anselai.domain.secret import Secret

ACCESS = TokenBinding(ConnectionKey("default", "google"), "access_token")


@pytest.fixture
def files(tmp_path: Path) -> KeyFiles:
    return KeyFiles(tmp_path)


def cipher_of(files: KeyFiles) -> AesGcmCipher:
    return AesGcmCipher(files.ring(), renewed=RenewedRing(files))


def test_the_first_ask_makes_a_key_and_every_other_gets_the_same(files: KeyFiles) -> None:
    ids: set[str] = set()
    threads = [threading.Thread(target=lambda: ids.add(files.ring().primary.id)) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(ids) == 1
    assert files.ring().older == ()


def test_a_new_primary_key_keeps_the_ones_before(files: KeyFiles) -> None:
    ids = [files.ring().primary.id, files.add_primary().primary.id, files.add_primary().primary.id]
    assert len(set(ids)) == 3
    assert [each.id for each in files.ring().keys] == ids[::-1]


def test_the_files_are_for_their_owner_alone(files: KeyFiles) -> None:
    files.ring()
    files.add_primary()
    assert {each.stat().st_mode & 0o777 for each in files.folder.iterdir()} == {0o600}


@pytest.mark.parametrize("name", [FILE_NAME, OLDER_NAME])
def test_a_file_that_others_may_read_is_refused_with_the_way_out(files: KeyFiles, name: str) -> None:
    files.add_primary()
    (files.folder / name).chmod(0o644)
    with pytest.raises(InvalidSettings, match="chmod 600"):
        files.ring()


def test_a_file_that_holds_no_key_is_refused_without_quoting_it(files: KeyFiles) -> None:
    files.add_primary()
    files.older_path.write_text("half-a-key\n")
    with pytest.raises(InvalidSettings, match=OLDER_NAME) as refused:
        files.ring()
    assert "half-a-key" not in str(refused.value)


def test_a_key_that_is_forgotten_can_be_brought_back(files: KeyFiles) -> None:
    first = files.primary()
    first_id = files.ring().primary.id
    files.add_primary()
    assert files.forget(first_id) == first
    assert files.ring().older == ()
    assert files.forget(first_id) is None
    files.bring_back(first)
    assert [each.id for each in files.ring().older] == [first_id]


def test_a_key_file_that_is_a_link_to_another_volume_stays_one(files: KeyFiles, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    for name in (FILE_NAME, OLDER_NAME):
        (files.folder / name).symlink_to(volume / name)
    first = files.primary()
    files.add_primary()
    assert files.path.is_symlink()
    assert files.older_path.is_symlink()
    assert sorted(each.name for each in volume.iterdir()) == [FILE_NAME, OLDER_NAME]
    assert {each.stat().st_mode & 0o777 for each in volume.iterdir()} == {0o600}
    assert (volume / OLDER_NAME).read_text().strip() == first.reveal()


class Killed(BaseException):
    """Stands for a process that ends here."""


STEPS = ("unlink", "open", "fsync", "replace")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("time", range(1, 5))
def test_a_crash_at_any_step_leaves_a_ring_that_opens_everything(
    files: KeyFiles, monkeypatch: pytest.MonkeyPatch, step: str, time: int
) -> None:
    """Whatever was done until then, every text that was sealed before opens, and the next rotation works."""
    files.ring()
    files.add_primary()
    sealed = [cipher_of(files).seal(Secret("token"), ACCESS)]
    calls = 0

    def dying(real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            nonlocal calls
            calls += 1
            if calls == time:
                raise Killed
            return real(*arguments, **named)

        return call

    with monkeypatch.context() as patched:
        if step in ("open", "fsync"):
            patched.setattr(os, step, dying(getattr(os, step)))
        else:
            patched.setattr(Path, step, dying(getattr(Path, step)))
        try:
            files.add_primary()
        except Killed:
            pass
        else:
            assert calls < time, "this step comes less often"
    sealed.append(cipher_of(files).seal(Secret("token"), ACCESS))
    files.add_primary()
    assert [cipher_of(files).open(each, ACCESS).reveal() for each in sealed] == ["token"] * 2
    assert sorted(each.name for each in files.folder.iterdir()) == sorted(
        [".encryption.keys.lock", FILE_NAME, OLDER_NAME]
    )


def test_a_running_process_opens_what_a_new_key_sealed_elsewhere(files: KeyFiles) -> None:
    running = cipher_of(files)
    files.add_primary()
    sealed = cipher_of(files).seal(Secret("token"), ACCESS)
    assert running.open(sealed, ACCESS).reveal() == "token"
    assert running.key_ids() == cipher_of(files).key_ids()


def test_a_running_process_seals_with_a_new_key_from_its_first_seal_on(files: KeyFiles) -> None:
    running = cipher_of(files)
    primary = files.add_primary().primary.id
    assert key_id_of(running.seal(Secret("token"), ACCESS)) == primary


def test_a_running_process_keeps_the_keys_it_had_when_others_take_their_place_in_the_files(files: KeyFiles) -> None:
    running = cipher_of(files)
    first = running.seal(Secret("token"), ACCESS)
    files.path.unlink()
    other = files.ring().primary.id  # a first ask makes a key
    second = running.seal(Secret("token"), ACCESS)
    assert [key_id_of(each) for each in (first, second)] == [running.key_ids()[1], other]
    assert [running.open(each, ACCESS).reveal() for each in (first, second)] == ["token"] * 2


def test_a_running_process_goes_on_without_its_files(files: KeyFiles) -> None:
    running = cipher_of(files)
    sealed = running.seal(Secret("token"), ACCESS)
    files.path.write_text("spoiled")
    assert running.open(sealed, ACCESS).reveal() == "token"
    files.path.unlink()
    assert running.open(running.seal(Secret("token"), ACCESS), ACCESS).reveal() == "token"
