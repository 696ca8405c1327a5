"""`manage.py consume` as an operator runs it: both works, ended cleanly by SIGTERM."""

import signal
import subprocess
import sys
import time

import pytest

from common import redis
from config.env import ROOT
from events.log import get_log
from events.models import Event
from profiles.selectors import read_person
from tests.events.builders import entry, event


@pytest.mark.slow
def test_one_command_records_and_profiles_and_ends_on_sigterm(process_environment: dict[str, str]) -> None:
    get_log().append([entry(event(number)) for number in range(5)])
    command = [sys.executable, "manage.py", "consume"]
    process = subprocess.Popen(command, cwd=ROOT, env=process_environment, stderr=subprocess.PIPE)

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (Event.objects.count() < 5 or len(read_person(user_id="ada").history) < 5):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)

    assert process.returncode == 0, errors
    assert Event.objects.count() == 5, errors.decode()
    assert len(read_person(user_id="ada").history) == 5
    assert redis.client().zcard("v:consumers:recorder") == 0
