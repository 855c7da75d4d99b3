@echo off
rem Writes all data to a file, or loads such a file.
rem Git for Windows brings the shell, so Windows runs the same script.
set "EXACT_FROM=%CD%"
git -C "%~dp0." -c "alias.run-script=!./backup_and_restore.sh" run-script -- %*
