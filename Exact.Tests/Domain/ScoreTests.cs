using Exact.Domain;

namespace Exact.Tests.Domain;

public sealed class ScoreTests
{
    [Fact]
    public void Setting_the_primary_score_sets_the_EMD_score()
    {
        var score = NewScore();

        score.Primary = 0.5;

        Assert.Equal(0.5, score.EmdScore);
    }

    [Fact]
    public void Setting_the_EMD_score_sets_the_primary_score()
    {
        var score = NewScore();

        score.EmdScore = 0.5;

        Assert.Equal(0.5, score.Primary);
    }

    [Fact]
    public void Clearing_either_score_clears_the_other()
    {
        var score = NewScore();
        score.Primary = 0.5;
        score.EmdScore = null;

        Assert.Null(score.Primary);
    }

    [Fact]
    public void The_IMA_score_is_independent()
    {
        var score = NewScore();

        score.ImaScore = 0.5;

        Assert.Null(score.Primary);
        Assert.Null(score.EmdScore);
    }

    [Fact]
    public void A_score_is_completed_by_default() => Assert.Equal(ScoreStatus.Completed, NewScore().Status);

    private static Score NewScore() => new() { Username = "ada", ChallengeId = "tetris" };
}
