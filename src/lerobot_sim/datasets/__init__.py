"""Episodes to and from LeRobotDataset v3, and plain video files."""
