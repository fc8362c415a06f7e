"""What is measured before readers see a build, a file a matter."""
