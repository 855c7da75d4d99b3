@echo off
rem Puts this checkout in place of what runs: back up, build, start, wait until every replica is ready.
setlocal
cd /d "%~dp0.." || exit /b 1
set backup=yes
set pull=

:next
if "%~1"=="" goto deploy
if "%~1"=="--no-backup" (set backup=no) else if "%~1"=="--pull" (set pull=--pull) else goto usage
shift
goto next

:deploy
for /f %%r in ('git rev-parse HEAD 2^>nul') do set REVISION=%%r
if %backup%==no goto build
set running=
for /f %%c in ('docker compose ps --quiet --status running api') do set running=yes
if defined running call scripts\backup_and_restore.bat backup || exit /b 1

:build
rem Built before anything stops: a build that fails leaves the running service alone.
docker compose build %pull% || exit /b 1
docker compose up --detach --wait --wait-timeout 1800 || goto failed
docker compose exec -T api dotnet Exact.Api.dll status || exit /b 1
docker compose ps api
exit /b

:failed
docker compose logs --no-log-prefix --tail 30 api 1>&2
echo error: the service did not become ready; its last lines are above 1>&2
exit /b 1

:usage
echo usage: scripts\deploy.bat [--no-backup] [--pull]
echo.
echo   --no-backup  go without the backup that is otherwise written to backups\ first
echo   --pull       ask for newer base images
echo.
echo EXACT_PORT and EXACT_REPLICAS in .env say where and how many; see docs\operations.md.
if "%~1"=="--help" exit /b 0
if "%~1"=="-h" exit /b 0
exit /b 2
