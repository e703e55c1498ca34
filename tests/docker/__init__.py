"""Tests of what lies in `docker/`. `check_image.py` builds and runs the image, which `make image-check` does alone."""
