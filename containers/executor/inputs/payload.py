"""The execution input: what a user typed into the console or a file, checked and typed.

Three shapes are in use (one script, a folder, a folder with partitions of data); they differ only in which
keys are there. Numbers may be strings, unknown keys are left alone, and every mistake is one sentence that
says what to change; all of them are told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from containers.executor.inputs import settings
from containers.executor.inputs.mistakes import InputError, raise_all

TMP = "/tmp/"  # noqa: S108  the contract with users: paths in an execution input start here on every target

ObjectType = Literal["folder", "script", "file"]
DataDownload = Literal["dealt", "shared"]


@dataclass(frozen=True)
class ExecutionInput:
    """A checked execution input.

    ``script`` and ``data_path`` are paths below ``/tmp/`` where the bundle's object ``KEY`` appears as
    ``/tmp/KEY``. ``file_limit`` is the most data files to use, ``None`` for all. ``result_path`` is an S3
    prefix in ``bucket`` without slashes at its ends; ``None`` when the user asked for no results.
    ``rendezvous`` is false for scripts whose ranks do not talk to each other. ``requirements`` is the key in
    ``bucket`` of an archive with the packages that the image lacks. ``data_download``
    is set where the data files are downloaded for the script: ``dealt``, to each rank its share, or
    ``shared``, all of them to every rank. ``variables`` and ``arguments`` are the script's own, and
    ``parameters`` the SSM parameters from which further variables come. ``typed`` is the input as the user
    gave it.
    """

    bucket: str
    world_size: int
    object_type: ObjectType
    object_name: str
    script: str
    data_path: str | None
    data_bucket: str | None
    data_prefix: str | None
    file_limit: int | None
    data_download: DataDownload | None
    batch_size: int | None
    result_path: str | None
    rendezvous: bool
    requirements: str | None
    variables: dict[str, str]
    arguments: list[str]
    parameters: dict[str, str]
    typed: Mapping[str, Any] = field(repr=False)

    @property
    def script_key(self) -> str:
        """The S3 key of the script."""
        return self.script.removeprefix(TMP)


def parse(payload: object) -> ExecutionInput:
    """Check an execution input; raise :class:`InputError` with every mistake in it."""
    if not isinstance(payload, Mapping):
        raise InputError(
            "The execution input has to be a JSON object such as "
            '{"bucket": "…", "world_size": 4, "S3_object_name": "…", "script": "/tmp/…"}.'
        )
    raise_all(_checks(payload))
    object_name, data_prefix = _object_name(payload), _text(payload, "data_prefix")
    file_limit = _whole_number(payload, "file_limit")
    variables, arguments = _settings(payload)
    return ExecutionInput(
        bucket=_bucket(payload),
        world_size=_world_size(payload, file_limit),
        object_type=_object_type(payload),
        object_name=object_name,
        script=_script(payload, _object_type(payload), object_name),
        data_path=_data_path(payload),
        data_bucket=_data_bucket(payload, data_prefix),
        data_prefix=data_prefix,
        file_limit=file_limit,
        data_download=_data_download(payload),
        batch_size=_whole_number(payload, "batch_size"),
        result_path=_key(payload, "result_path"),
        rendezvous=_truth(payload, "rendezvous", default=True),
        requirements=_requirements(payload),
        variables=variables,
        arguments=arguments,
        parameters=settings.parameters(payload.get("environment_from")),
        typed=payload,
    )


def _checks(payload: Mapping[str, Any]) -> list[Callable[[], object]]:
    """Everything that may be wrong. What follows from another mistake says the same sentence as that."""
    return [
        lambda: _bucket(payload),
        lambda: _object_type(payload),
        lambda: _object_name(payload),
        lambda: _script(payload, _object_type(payload), _object_name(payload)),
        lambda: _world_size(payload, _whole_number(payload, "file_limit")),
        lambda: _data_path(payload),
        lambda: _data_bucket(payload, _text(payload, "data_prefix")),
        lambda: _data_download(payload),
        lambda: _whole_number(payload, "batch_size"),
        lambda: _key(payload, "result_path"),
        lambda: _requirements(payload),
        lambda: _truth(payload, "rendezvous", default=True),
        lambda: settings.environment(payload.get("environment")),
        lambda: settings.arguments(payload.get("arguments")),
        lambda: settings.parameters(payload.get("environment_from")),
        lambda: settings.check_size(*_settings(payload)),
    ]


def _settings(payload: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    return settings.environment(payload.get("environment")), settings.arguments(payload.get("arguments"))


def _missing(key: str, meaning: str) -> InputError:
    return InputError(f'"{key}" is missing: add {meaning} to the execution input.')


def _text(payload: Mapping[str, Any], key: str) -> str | None:
    """A string, or None when the key is absent, null or empty (what a form leaves behind)."""
    value = payload.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise InputError(f'"{key}" has to be a string, not {value!r}: put it in quotation marks.')
    return value


def _whole_number(payload: Mapping[str, Any], key: str) -> int | None:
    value = payload.get(key)
    if value is None or value == "":
        return None
    mistake = InputError(f'"{key}" is {value!r}: give a whole number of at least 1.')
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise mistake
    try:
        number = int(value)
    except ValueError:
        raise mistake from None
    if number < 1:
        raise mistake
    return number


def _truth(payload: Mapping[str, Any], key: str, *, default: bool) -> bool:
    value = payload.get(key)
    if value is None or value == "":
        return default
    answers = {True: True, False: False, "true": True, "false": False}
    if not isinstance(value, bool | str) or value not in answers:
        raise InputError(f'"{key}" is {value!r}: give true or false.')
    return answers[value]


def _key(payload: Mapping[str, Any], key: str) -> str | None:
    """An S3 key or prefix that is safe as a path below /tmp: relative, without "..", without slashes at its
    ends.
    """
    value = _text(payload, key)
    if value is None:
        return None
    if value.startswith("s3://"):
        raise InputError(f'"{key}" is {value!r}: leave out "s3://" and the bucket, give only the key.')
    if value.startswith("/") or ".." in value.split("/"):
        raise InputError(f'"{key}" is {value!r}: give a key without "/" at its start and without "..".')
    stripped = value.strip("/")
    if not stripped:
        raise InputError(f'"{key}" is {value!r}: give a key with a name in it.')
    return stripped


def _requirements(payload: Mapping[str, Any]) -> str | None:
    key = _key(payload, "requirements")
    # Initialize may read no other objects, so it could say nothing better than "access denied".
    if key is not None and not key.endswith(".zip"):
        raise InputError(
            f'"requirements" is {key!r}: give the key of a .zip archive of packages, which '
            "`cosmic-fmi run --requirements requirements.txt` makes."
        )
    return key


def _object_name(payload: Mapping[str, Any]) -> str:
    object_name = _key(payload, "S3_object_name")
    if object_name is None:
        raise _missing("S3_object_name", "the key of the script or folder in the bucket")
    return object_name


def _bucket(payload: Mapping[str, Any]) -> str:
    bucket = _text(payload, "bucket")
    if bucket is None:
        raise _missing("bucket", "the name of the S3 bucket that holds the script")
    if "/" in bucket:
        raise InputError(f'"bucket" is {bucket!r}: give only the bucket\'s name, without "s3://" or a key.')
    return bucket


def _object_type(payload: Mapping[str, Any]) -> ObjectType:
    value = _text(payload, "object_type") or "folder"
    if value not in ("folder", "script", "file"):
        raise InputError(f'"object_type" is {value!r}: give "folder" for a folder, "script" for one object.')
    return cast(ObjectType, value)


def _world_size(payload: Mapping[str, Any], file_limit: int | None) -> int:
    world_size = _whole_number(payload, "world_size") or file_limit
    if world_size is None:
        raise _missing("world_size", 'the number of ranks (or "file_limit", the number of data files to use)')
    return world_size


def _script(payload: Mapping[str, Any], object_type: ObjectType, object_name: str) -> str:
    script = _text(payload, "script")
    root = TMP + object_name
    if object_type == "folder":
        if script is None:
            raise _missing("script", f'the path of the script to run, such as "{root}/main.py",')
        if not script.startswith(root + "/") or ".." in script.split("/"):
            raise InputError(f'"script" is {script!r}, outside the bundle: give a path below "{root}/".')
        return script
    # One object is its own bundle, so there is nothing to choose, but a contradiction is worth a word.
    if script is not None and script != root:
        raise InputError(
            f'"script" is {script!r}, but the only object downloaded is "{root}": give that path.'
        )
    return root


def _data_path(payload: Mapping[str, Any]) -> str | None:
    path = _text(payload, "data_path")
    if path is not None and (not path.startswith(TMP) or ".." in path.split("/")):
        raise InputError(
            f'"data_path" is {path!r}: give a path below "{TMP}", where the bundle is downloaded to.'
        )
    return path


def _data_bucket(payload: Mapping[str, Any], data_prefix: str | None) -> str | None:
    data_bucket = _text(payload, "data_bucket")
    if data_bucket is not None and data_prefix is None:
        raise _missing("data_prefix", f"the folder in {data_bucket!r} that holds the partitions")
    if data_prefix is not None and data_bucket is None:
        return _bucket(payload)
    return data_bucket


def _data_download(payload: Mapping[str, Any]) -> DataDownload | None:
    value = _text(payload, "data_download")
    if value is None:
        return None
    if value not in ("dealt", "shared"):
        raise InputError(
            f'"data_download" is {value!r}: give "dealt" for a share of the files on each rank, "shared" for '
            "all of them on every rank."
        )
    if _text(payload, "data_prefix") is None:
        raise _missing("data_prefix", "the folder with the files to download")
    if _text(payload, "data_path") is not None:
        raise InputError('"data_path" and "data_download" both say what DATA_PATH is: leave out one of them.')
    return cast(DataDownload, value)
