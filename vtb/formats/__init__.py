"""Other people's layouts on disk, one file each, read and written."""
