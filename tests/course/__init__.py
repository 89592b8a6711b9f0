"""The course's own programs, for somebody who has them: `make test-course COURSE=folder`."""
