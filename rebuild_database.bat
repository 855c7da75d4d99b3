@echo off
rem Applies the pending migrations to the running deployment. It deletes nothing and is safe at any time.
rem Git for Windows brings the shell, so Windows runs the same script.
set "EXACT_FROM=%CD%"
git -C "%~dp0." -c "alias.run-script=!./rebuild_database.sh" run-script -- %*
