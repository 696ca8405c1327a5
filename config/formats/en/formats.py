"""Days and times as every page of ours writes them: in the same order everywhere, and sorted as they read."""

DATE_FORMAT = "Y-m-d"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = "Y-m-d H:i"
