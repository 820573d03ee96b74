"""People drawn as skinned, textured meshes, from a folder of rigged avatars and recorded motion."""
