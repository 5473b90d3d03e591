"""MuJoCo tasks, one module each."""
