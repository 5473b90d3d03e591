"""Our own tasks, one module each: state, reset, dynamics, reward, success, Params, picture."""
