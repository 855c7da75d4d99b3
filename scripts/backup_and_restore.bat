@echo off
rem Writes the data to a file, or brings a file's data back.
setlocal
rem A file that the caller names is relative to where the caller stands.
set file=
if not "%~2"=="" set "file=%~f2"
cd /d "%~dp0.." || exit /b 1
if not defined EXACT set EXACT=docker compose exec -T api dotnet Exact.Api.dll
if "%~1"=="backup" goto backup
if "%~1"=="restore" if defined file goto restore

echo usage: scripts\backup_and_restore.bat backup [FILE]
echo        scripts\backup_and_restore.bat restore FILE [option of the command import]...
echo.
echo A backup goes to backups\exact-TIME.json unless FILE is given. It holds password hashes: keep it private.
echo A restore brings back all that the file holds, or changes nothing.
echo.
echo EXACT is the command that runs Exact, by default the one in the container:
echo   set EXACT=dotnet run --project Exact.Api --
if "%~1"=="--help" exit /b 0
if "%~1"=="-h" exit /b 0
exit /b 2

:backup
if defined file goto write
for /f %%t in ('powershell -NoProfile -Command "(Get-Date).ToUniversalTime().ToString('yyyyMMddTHHmmssZ')"') do set "file=backups\exact-%%t.json"
if not exist backups mkdir backups

:write
rem A backup has its name only when it is whole.
%EXACT% export >"%file%.part" && move /y "%file%.part" "%file%" >nul && echo backup: %file% 1>&2 && exit /b 0
del "%file%.part" 2>nul
exit /b 1

:restore
if not exist "%file%" echo error: cannot read %file% 1>&2 & exit /b 1
set options=
shift
:option
shift
if "%~1"=="" goto import
set options=%options% %1
goto option

:import
%EXACT% import - %options% <"%file%"
exit /b
