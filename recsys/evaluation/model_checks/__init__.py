"""May this model version replace the live one? Named checks over held-out answers."""
