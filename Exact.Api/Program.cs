using Exact.Api;
using Exact.Api.Access;
using Exact.Api.Accounts;
using Exact.Api.AdminConsole;
using Exact.Api.Backups;
using Exact.Api.Challenges;
using Exact.Api.Commands;
using Exact.Api.Http;
using Exact.Api.Legacy;
using Exact.Api.Migrations;
using Exact.Api.Operations;
using Exact.Api.Scores;
using Exact.Api.Startup;
using Exact.Api.Submissions;
using Exact.Api.Transfers;
using Exact.Infrastructure;

return args is [HealthCommand.Name] ? await HealthCommand.RunAsync() : await CommandLine.RunAsync(args, Build);

static WebApplication Build(string[] args)
{
    var builder = HostSettings.CreateBuilder(args);
    builder.AddDiagnostics(args);
    builder.AddHttp();
    builder.AddAccess();
    builder.Services.AddConsole();
    builder.Services.AddExactInfrastructure();
    builder.AddFileFolder();
    builder.Services.AddLegacy();
    builder.Services.AddProblems();
    builder.Services.AddApiDocument();
    builder.Services.AddAccounts();
    builder.Services.AddChallenges();
    builder.Services.AddScores();
    builder.Services.AddScoreChanges();
    builder.Services.AddSubmissions();
    builder.Services.AddTransfers();
    builder.Services.AddOperations();
    builder.Services.AddBackupTimer();
    builder.AddMigrationAtStart();

    var app = builder.Build();
    app.UseHttp();
    app.UseProblems();
    app.UseAccess();
    app.UseReadinessGate();
    app.UseStandbyReads();
    app.UseKnownParameters();
    app.MapHealth();
    app.MapApiDocument();
    app.MapAccounts();
    app.MapTokens();
    app.MapChallenges();
    app.MapScores();
    app.MapScoreChanges();
    app.MapSubmissions();
    app.MapWorker();
    app.MapMigrations();
    app.MapTransfers();
    app.MapOperations();
    app.MapBackups();
    app.MapLegacy();
    app.MapConsole();
    return app;
}
