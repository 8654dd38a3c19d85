#!/usr/bin/python3
"""Where files go that are in clear."""
import os
import pathlib
import stat
import unittest
from unittest import mock

from torchkeep import places


class ClearFolder(unittest.TestCase):
    def setUp(self):
        clean = {name: value for name, value in os.environ.items() if name != "TMPDIR"}
        self.enterContext(mock.patch.dict(os.environ, clean, clear=True))

    def place(self, needed, room):
        with mock.patch.object(places, "_room_in_memory", lambda: room), places.clear_folder(needed) as folder:
            folder = pathlib.Path(folder)
            self.assertEqual(stat.S_IMODE(folder.stat().st_mode), 0o700)
            (folder / "model.onnx").write_bytes(b"weights")
        self.assertFalse(folder.exists())
        return folder.parent

    @unittest.skipUnless(os.access(places.MEMORY, os.W_OK), "this machine has no file system in memory")
    def test_in_memory_where_there_is_room_for_it_twice(self):
        self.assertEqual(self.place(1000, 2001), places.MEMORY)

    def test_elsewhere_where_there_is_not(self):
        self.assertNotEqual(self.place(1000, 2000), places.MEMORY)

    def test_where_the_user_says(self):
        with mock.patch.dict(os.environ, {"TMPDIR": str(pathlib.Path.cwd())}):
            self.assertNotEqual(self.place(0, 1 << 40), places.MEMORY)

    def test_without_a_file_system_in_memory(self):
        with mock.patch.object(places, "MEMORY", pathlib.Path("/no/such/place")):
            with places.clear_folder(0) as folder:
                self.assertTrue(pathlib.Path(folder).is_dir())

    def test_memory_is_never_promised_beyond_what_the_machine_has(self):
        if os.access(places.MEMORY, os.W_OK):
            self.assertLess(places._room_in_memory(), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


if __name__ == "__main__":
    unittest.main()
