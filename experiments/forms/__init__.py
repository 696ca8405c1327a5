"""The forms of a design, which its page, its sizing and its preview read alike."""
