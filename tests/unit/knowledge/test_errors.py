"""Each row of the catalogue finds the line it is for, and only the rows meant do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rkops.knowledge.errors import find_errors, known_errors, strip_colour

LINES = {
    "1": "RuntimeError: PytorchStreamReader failed locating file constants.pkl: file not found",
    "2": "Make sure that the torch version of '1.10.1' is consistent with the model's",
    "3": "E build: failed to config argb mode layer!",
    "4": "E RKNN: REGTASK: The bit width of field value exceeds the limit, limit: 0x1fff",
    "5": "E init_runtime: The model has not been loaded, please load it first!",
    "6": "E RKNN: Not support op NonMaxSuppression",
    "54": "UserWarning: pkg_resources is deprecated as an API",
    "55": "Invalid requirement: 'rknn-toolkit2==1.4.0-22dcfef4'",
    "7": "fatal error: Python.h: 没有那个文件或目录",
    "8": "  error: ruamel.yaml.clib build failed",
    "9": "rknn_toolkit2-2.3.2-cp310.whl is not a supported wheel on this platform.",
    "10": "ERROR: Wheel 'rknn-toolkit-lite2' located at /root/a.whl is invalid.",
    "63": "packaging.version.InvalidVersion: Invalid version: '1.4.0-22dcfef4'",
    "12": "error: externally-managed-environment",
    "13": "ModuleNotFoundError: No module named 'rknnlite'",
    "14": "ModuleNotFoundError: No module named 'rknn'",
    "15": "ModuleNotFoundError: No module named 'rknn.api.rknn_log'",
    "56": "ERROR: No matching distribution found for rknn-toolkit-lite2",
    "57": "Temporary failure in name resolution",
    "16": "E RKNN: Can not find dynamic library on RK3588!",
    "17": "OSError: /usr/lib64/librknnrt.so: cannot open shared object file: No such file",
    "18": "error while loading shared libraries: librknnrt.so: cannot open shared object file",
    "19": "Exception: Unsupported run platform: Linux aarch64",
    "20": "It is detected that /proc/device-tree/compatible is missing in the container",
    "21": "E RKNN: failed to open rknn device!",
    "22": "E RKNN: Invalid RKNN model version 6",
    "23": "E RKNN: Invalid RKNN format!",
    "24": "E RKNN Model version: 2.3.2 not match with rknn runtime version: 1.6.0",
    "25": "W RKNN: Current driver version: 0.8.2, recommend to upgrade the driver to >= 0.8.8",
    "43": "E RKNN: failed to allocate handle, ret: -1, errno: 12, errstr: Cannot allocate memory",
    "44": "E RKNN: failed to malloc npu memory!, size: 6553600",
    "45": "E RKNN: failed to submit!, op id: 1, op name: Conv, flags: 0x5, task counter: 2",
    "46": "E RKNN: Meet unsupported input dtype for operator",
    "47": "E RKNN: query RKNN_QUERY_INPUT_DYNAMIC_RANGE error, rknn model is static shape",
    "48": "E RKNN: param output index(127) is out of range(3)",
    "49": "rga_api: Error srcRGBA width stride should be 16 aligned!",
    "51": "avc:  denied  { read } for comm=rknn_server",
    "58": "Segmentation fault (core dumped)",
    "26": "E RKNNAPI: server connect fail!  ret = -9(ERROR_PIPE)!",
    "64": "E rknn_server version is too old, please update rknn_server to at least 2.3.0",
    "65": "W Get librknnrt.so version failed, try to input 'setenforce 0'",
    "66": "E RKNN VERSION UNMATCH!",
    "67": "ACK_PERF_TOO_MANY_CLIENT",
    "27": "D RKNNAPI: socket read fd = 3, n = -1: Connection reset by peer",
    "28": "error: unavailable socket type: 'localabstract:transfer_proxy'",
    "29": "adb: error: cannot bind listener: Address already in use",
    "30": "E Connect to Device (192.168.1.222:5555) Failure (-1)",
    "31": "E RKNNAPI: msg_ioctl_ack fail, data_len = 104985, expect 103961",
    "32": "E RKNNAPI: msg_load_ack fail, ack = 1(ACK_FAIL)!",
    "33": "adb server version (40) doesn't match this client (41); killing...",
    "34a": "failed to connect to '192.168.1.222:5555': Connection refused",
    "34b": "error: device '192.168.1.222:5555' not found",
    "34c": "adb: unable to connect for root: closed",
    "35": "E Get board target failed",
    "36": "The 'target' is rk3568, but your config.target_platform is 'rk3588'",
    "38": "ValueError: invalid literal for int() with base 10: 'cat: /sys/class/devfreq/dmc/",
    "68": "AttributeError: undefined symbol: rknn_get_run_time",
    "69": "W Get model perf detail success, but detail is empty",
    "70": "rockchip-dmc dmc: trusted firmware unsupported, please update.",
    "39": "ValueError: substring not found",
    "40": "W set npu freq failed",
    "41": "W librknnrt.so in board is old",
    "42": "E Run timeout, please set RKNN_RUN_TIMEOUT_SEC",
    "50": "E eval_perf: not supported in simulator",
    "52": "rknn_server hangs after docker was restarted",
    "53": "session = ort.InferenceSession(f, provides=['CUDAExecutionProvider'])",
    "59": "E model size is greater than 8MB, rknn server version is lower than 2.0.0b0",
    "60": "cp: cannot create regular file '/usr/bin/rknn_server': Text file busy",
    "61": "adb: error: failed to copy: remote Read-only file system",
    "62": "write: No space left on device",
    "101": "export with imgsz=1920 is slow",
    "102": "my quantised model finds nothing",
    "103": "results of the simulator and of the board differ",
    "104": "a .pth file with every sys.path line of the user",
}


@pytest.mark.parametrize("row", LINES)
def test_row_finds_its_line(row: str) -> None:
    found = [str(match.error.id) for match in find_errors(f"before\n{LINES[row]}\nafter")]
    assert row in found
    assert len(found) <= 2


def test_every_row_has_a_line_here() -> None:
    assert {str(error.id) for error in known_errors()} == set(LINES)


def test_rows_are_whole() -> None:
    for error in known_errors():
        assert error.cause
        assert error.fix
        assert error.source
        assert not error.source.endswith(",")  # an unquoted # would cut it


def test_colours_are_taken_out() -> None:
    log = "\x1b[1;31mE RKNN: Invalid RKNN \x1b[0mmodel version 6"
    assert strip_colour(log) == "E RKNN: Invalid RKNN model version 6"
    assert [match.error.id for match in find_errors(log)] == [22]


def test_the_library_is_named_by_its_place() -> None:
    assert [match.error.id for match in find_errors(LINES["17"])] == [17]
    assert [match.error.id for match in find_errors(LINES["13"])] == [13]
    assert [match.error.id for match in find_errors(LINES["15"])] == [15]


def test_each_error_is_told_once_with_its_first_line() -> None:
    matches = find_errors("x\nText file busy\nText file busy\nInvalid RKNN format")
    assert [(match.error.id, match.line) for match in matches] == [(60, 2), (23, 4)]


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    assert isinstance(find_errors(text), list)
