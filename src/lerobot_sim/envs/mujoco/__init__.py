"""Our own MuJoCo robots, tasks and cameras."""
