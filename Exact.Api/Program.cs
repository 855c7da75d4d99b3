using Exact.Api;
using Exact.Api.Access;
using Exact.Api.Accounts;
using Exact.Api.Challenges;
using Exact.Api.Commands;
using Exact.Api.Http;
using Exact.Api.Migrations;
using Exact.Api.Operations;
using Exact.Api.Scores;
using Exact.Api.Startup;
using Exact.Api.Submissions;
using Exact.Api.Transfers;
using Exact.Infrastructure;

if (args is [HealthCommand.Name])
{
    return await HealthCommand.RunAsync();
}

// The settings are beside the program. They are read once: watching their files would also watch every write of the
// embedded PostgreSQL.
string[] defaults = [$"--contentRoot={AppContext.BaseDirectory}", "--hostBuilder:reloadConfigOnChange=false"];
var builder = WebApplication.CreateBuilder([.. defaults, .. args]);
builder.AddDiagnostics();
builder.AddHttp();
builder.AddAccess();
builder.Services.AddExactInfrastructure();
builder.AddFileFolder();
builder.Services.AddProblems();
builder.Services.AddApiDocument();
builder.Services.AddAccounts();
builder.Services.AddChallenges();
builder.Services.AddScores();
builder.Services.AddScoreChanges();
builder.Services.AddSubmissions();
builder.Services.AddTransfers();
builder.Services.AddOperations();
builder.AddMigrationAtStart();

await using var app = builder.Build();
app.UseHttp();
app.UseProblems();
app.UseAccess();
app.UseReadinessGate();
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
return await app.RunCommandAsync(args); // no command: serve HTTP
