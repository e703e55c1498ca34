"""The stage of the recorder's tests, for spans that it hands on."""

from tests.recorder.conftest import stage as stage  # a fixture
