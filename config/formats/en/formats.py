"""Days and times as every page of ours writes them: the same order everywhere, sorted as they read, with their zone."""

DATE_FORMAT = "Y-m-d"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = "Y-m-d H:i e"
