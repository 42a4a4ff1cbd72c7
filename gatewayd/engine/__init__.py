"""The rules of paging and the one shell that carries them out."""
