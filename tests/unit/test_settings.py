"""Settings: what the environment and .env say, and that every document of them says the same."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from anselai.adapters.platforms.registry import InstalledPlatforms
from anselai.domain.errors import InvalidSettings
from anselai.domain.secret import Secret
from anselai.settings import ROOT_DATA_DIR, Settings, default_data_dir, is_loopback, load_settings

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / ".env.example"
TABLE = ROOT / "docs" / "settings.md"
SMALL = "token-of-small-letters"  # as the name of a platform may be


def variables_of_settings() -> set[str]:
    """By the fields of Settings, and by what the installed platforms declare."""
    own = {each.name.upper() for each in fields(Settings)} - {"PLATFORM_VALUES"}
    unprefixed = {"DATABASE_URL", "ENCRYPTION_KEY", "ENCRYPTION_KEYS_OLD"}
    declared = {name for each in InstalledPlatforms.discover({}).all() for name in each.settings}
    return unprefixed | {f"ANSELAI_{name}" for name in own - unprefixed} | declared


def variables_of_example() -> list[str]:
    return re.findall(r"^#?([A-Z][A-Z_]+)=", EXAMPLE.read_text(), re.MULTILINE)


def rows_of_table() -> dict[str, str]:
    """The documented default of each variable."""
    return dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]+?) \|", TABLE.read_text(), re.MULTILINE))


def test_the_example_the_table_and_the_settings_name_the_same_variables() -> None:
    assert sorted(variables_of_example()) == sorted(variables_of_settings())
    assert set(rows_of_table()) == variables_of_settings()


def test_the_table_and_the_example_are_in_the_same_order() -> None:
    assert variables_of_example() == list(rows_of_table())


def test_the_documented_defaults_are_the_real_ones() -> None:
    settings, table = Settings(), rows_of_table()
    assert table.pop("ANSELAI_AUTH") == f"`{'on' if settings.auth else 'off'}`"
    assert table.pop("ANSELAI_HOST") == f"`{settings.host}`"
    assert table.pop("ANSELAI_PORT") == f"`{settings.port}`"
    assert table.pop("ANSELAI_LOG_LEVEL") == f"`{settings.log_level}`"
    assert table.pop("ANSELAI_DATA_DIR") == "the user's data folder"
    assert set(table.values()) == {"unset"}


def test_every_variable_of_the_example_has_its_sentence() -> None:
    for block in EXAMPLE.read_text().split("\n\n"):
        if re.search(r"^#[A-Z_]+=", block, re.MULTILINE):
            assert re.search(r"^# \w", block, re.MULTILINE), block


def test_the_example_copied_unchanged_sets_nothing() -> None:
    assert load_settings({}, dotenv=EXAMPLE) == load_settings({}, dotenv=None)


def test_the_example_uncommented_holds_no_key_that_would_be_taken(tmp_path: Path) -> None:
    copy = tmp_path / ".env"
    copy.write_text(re.sub(r"^#(?=[A-Z])", "", EXAMPLE.read_text(), flags=re.MULTILINE))
    assert load_settings({}, dotenv=copy).encryption_key is None


def test_a_variable_of_the_environment_counts_before_the_same_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("ANSELAI_PORT=3300\nANSELAI_LOG_LEVEL=debug\nMETA_APP_SECRET='a $quoted \"secret\"'\n")
    settings = load_settings({"ANSELAI_PORT": "3400"}, dotenv=file)
    assert (settings.port, settings.log_level) == (3400, "DEBUG")
    assert settings.platform_values["META_APP_SECRET"] == Secret('a $quoted "secret"')


def test_an_empty_variable_is_an_unset_one() -> None:
    settings = load_settings({"DATABASE_URL": "", "ENCRYPTION_KEY": "  ", "ANSELAI_PORT": ""}, dotenv=None)
    assert settings == load_settings({}, dotenv=None)


def test_a_port_for_figures_is_taken_only_where_one_is_set() -> None:
    assert load_settings({}, dotenv=None).metrics_port is None
    assert load_settings({"ANSELAI_METRICS_PORT": "0"}, dotenv=None).metrics_port == 0
    assert load_settings({"ANSELAI_METRICS_PORT": "9200"}, dotenv=None).metrics_port == 9200


def test_limits_of_platforms_are_read_one_by_one() -> None:
    settings = load_settings(
        {"ANSELAI_RUNS_PER_PROCESS": "google=20, meta = 5", "ANSELAI_RUNS_PER_FLEET": "tiktok-ads=1"}, dotenv=None
    )
    assert settings.runs_per_process == {"google": 20, "meta": 5}
    assert settings.runs_per_fleet == {"tiktok-ads": 1}
    assert load_settings({}, dotenv=None).runs_per_process == {}


@pytest.mark.parametrize("name", ["ANSELAI_RUNS_PER_PROCESS", "ANSELAI_RUNS_PER_FLEET"])
@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("google", "'google' is not."),
        ("20", "'20' is not."),
        ("google=0", "a number from 1 to"),
        ("google=-3", "a number from 1 to"),
        ("google=2.5", "a number from 1 to"),
        ("google=many", "like google=20,meta=5"),
        ("google=9999999999999999999", "a number from 1 to"),
        ("Google=3", "'Google=3' is not."),
        ("google=3,", "'' is not."),
        ("google=3;meta=4", "'google=3;meta=4' is not."),
        ("google=3,meta=4,google=5", "two numbers for google"),
        (f"{SMALL}=1,{SMALL}=2", "two numbers for ..."),
        (f"{SMALL}=0", "'...' is not."),
    ],
)
def test_limits_that_say_nothing_clear_are_refused_with_a_sentence(name: str, value: str, told: str) -> None:
    with pytest.raises(InvalidSettings, match=re.escape(told)) as refused:
        load_settings({name: value}, dotenv=None)
    assert name in str(refused.value)
    assert SMALL not in str(refused.value)


def test_a_file_that_is_missing_is_no_error_and_one_that_cannot_be_read_is(tmp_path: Path) -> None:
    assert load_settings({}, dotenv=tmp_path / "missing") == load_settings({}, dotenv=None)
    broken = tmp_path / ".env"
    broken.write_bytes(b"ANSELAI_PORT=\xff\xfe")
    with pytest.raises(InvalidSettings, match="cannot be read"):
        load_settings({}, dotenv=broken)


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("192.168.1.5", False),
        ("studio.example", False),
        ("localhost.example", False),
    ],
)
def test_hosts_of_this_machine_and_others_are_taken_and_told_apart(host: str, is_local: bool) -> None:
    assert load_settings({"ANSELAI_HOST": host}, dotenv=None).host == host
    assert is_loopback(host) is is_local


def test_lists_are_separated_by_commas_or_white_space() -> None:
    settings = load_settings(
        {
            "ANSELAI_ALLOWED_HOSTS": "Studio.Example,  10.0.0.5 [fd00::1]",
            "ANSELAI_TRUSTED_PROXIES": "10.0.0.7, 172.18.0.9/16",
            "ANSELAI_CORS_ORIGINS": "https://Studio.Example http://localhost:5173",
        },
        dotenv=None,
    )
    assert settings.allowed_hosts == ("studio.example", "10.0.0.5", "fd00::1")
    assert settings.trusted_proxies == ("10.0.0.7/32", "172.18.0.0/16")
    assert settings.cors_origins == ("https://studio.example", "http://localhost:5173")


def test_the_switch_of_sign_in_is_on_unless_it_is_turned_off() -> None:
    assert load_settings({}, dotenv=None).auth
    assert load_settings({"ANSELAI_AUTH": "On"}, dotenv=None).auth
    assert not load_settings({"ANSELAI_AUTH": "off"}, dotenv=None).auth


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ANSELAI_HOST", "127.0.0.1:3200", "without port"),
        ("ANSELAI_HOST", "http://studio.example", "such as 127.0.0.1 or a name"),
        ("ANSELAI_HOST", "-x", "such as 127.0.0.1 or a name"),
        ("ANSELAI_AUTH", "no", "must be on or off"),
        ("ANSELAI_ALLOWED_HOSTS", "*", "such as 127.0.0.1 or a name"),
        ("ANSELAI_ALLOWED_HOSTS", "a.example, b.example:80", "without port"),
        ("ANSELAI_TRUSTED_PROXIES", "proxy.example", "addresses or networks"),
        ("ANSELAI_TRUSTED_PROXIES", "*", "addresses or networks"),
        ("ANSELAI_CORS_ORIGINS", "*", "origins such as https://studio.example"),
        ("ANSELAI_CORS_ORIGINS", "studio.example", "origins such as https://studio.example"),
        ("ANSELAI_CORS_ORIGINS", "https://studio.example/", "without a path"),
        ("ANSELAI_CORS_ORIGINS", "null", "origins such as https://studio.example"),
        ("ANSELAI_PORT", "65536", "from 0 to 65535"),
        ("ANSELAI_PORT", "-1", "from 0 to 65535"),
        ("ANSELAI_PORT", "http", "from 0 to 65535"),
        ("ANSELAI_METRICS_PORT", "65536", "from 0 to 65535"),
        ("ANSELAI_LOG_LEVEL", "loud", "DEBUG, INFO, WARNING, ERROR"),
        ("DATABASE_URL", "mysql://user:secret@host/db", "postgresql://"),
    ],
)
def test_a_wrong_value_is_refused_with_a_sentence(name: str, value: str, told: str) -> None:
    with pytest.raises(InvalidSettings, match=re.escape(told)) as refused:
        load_settings({name: value}, dotenv=None)
    assert name in str(refused.value)
    assert SMALL not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_settings_print_no_secret() -> None:
    environment = {
        "DATABASE_URL": "postgresql://studio:a-password@host/db",
        "ENCRYPTION_KEY": "a-key",
        "META_APP_SECRET": "an-app-secret",
    }
    printed = repr(load_settings(environment, dotenv=None))
    assert not [each for each in ("a-password", "a-key", "an-app-secret") if each in printed]


def test_the_data_folder_is_where_the_settings_say_and_home_is_expanded() -> None:
    assert load_settings({"ANSELAI_DATA_DIR": "~/photos"}, dotenv=None).data_dir == Path.home() / "photos"
    assert load_settings({}, dotenv=None).data_dir == default_data_dir()


def test_the_documents_name_the_folder_that_root_gets() -> None:
    assert str(ROOT_DATA_DIR) in EXAMPLE.read_text()
    assert str(ROOT_DATA_DIR) in TABLE.read_text()


def test_a_good_api_key_is_taken_and_not_shown() -> None:
    settings = load_settings({"ANSELAI_API_KEY": "k9J2fWb7Qx-Zt4Lm8Rv1Ns6Pd3Hc5Gy0"}, dotenv=None)
    assert settings.api_key == Secret("k9J2fWb7Qx-Zt4Lm8Rv1Ns6Pd3Hc5Gy0")
    assert "k9J2" not in repr(settings)


@pytest.mark.parametrize(
    "key", ["k9J2fWb7Qx-Zt4Lm8Rv1Ns6Pd3Hc5Gy", "k9J2fWb7Qx Zt4Lm8Rv1Ns6Pd3Hc5Gy0", "k9J2fWb7Qx-Zt4Lm8Rv1Ns6Pd3Hc5Gyä"]
)
def test_an_api_key_that_is_short_or_cannot_be_sent_is_refused(key: str) -> None:
    with pytest.raises(
        InvalidSettings, match="ANSELAI_API_KEY must be at least 32 visible ASCII characters"
    ) as refused:
        load_settings({"ANSELAI_API_KEY": key}, dotenv=None)
    assert key not in str(refused.value)


@pytest.mark.parametrize(
    "key",
    [
        "a" * 40,
        "change-me-9J2fWb7QxZt4Lm8Rv1Ns6Pd3",
        "your-api-key-9J2fWb7QxZt4Lm8Rv1Ns",
        "0123456789" * 4,
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "QWERTYUIOPasdfghjklZXCVBNM1234567890",
        "the-encryption-key-9J2fWb7QxZt4Lm8Rv",
        "k9J2fWb7QxZt4Lm8" * 2,
    ],
)
def test_an_api_key_that_is_a_placeholder_is_refused(key: str) -> None:
    with pytest.raises(InvalidSettings, match="ANSELAI_API_KEY is a placeholder or easy to guess") as refused:
        load_settings({"ANSELAI_API_KEY": key}, dotenv=None)
    assert key not in str(refused.value)


@pytest.mark.parametrize("name", ["ENCRYPTION_KEY", "ENCRYPTION_KEYS_OLD"])
def test_an_api_key_that_seals_tokens_as_well_is_refused(name: str) -> None:
    key = "k9J2fWb7Qx-Zt4Lm8Rv1Ns6Pd3Hc5Gy0"
    others = "Yt7Rq2Lp9Xc4Vb6Nm1Ks8Jd3Hf5Gw0Za," if name == "ENCRYPTION_KEYS_OLD" else ""
    with pytest.raises(InvalidSettings, match="ANSELAI_API_KEY must not be an encryption key as well") as refused:
        load_settings({"ANSELAI_API_KEY": key, name: others + key}, dotenv=None)
    assert key not in str(refused.value)
