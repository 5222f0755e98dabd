from rkops.core.deadline import Deadline


def test_a_phase_never_outlives_the_whole():
    whole = Deadline.after(0.05)
    phase = whole.within(10)
    assert phase.remaining <= 0.05
    phase.pause(10)
    assert whole.expired
