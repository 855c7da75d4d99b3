using Exact.Domain;

namespace Exact.Tests.Domain;

public sealed class ChallengeTests
{
    [Fact]
    public void A_challenge_without_an_id_gets_32_lower_case_hexadecimal_digits() =>
        Assert.Matches("^[0-9a-f]{32}$", new Challenge { Title = "Tetris" }.ChallengeId);

    [Fact]
    public void Generated_ids_differ() =>
        Assert.NotEqual(new Challenge { Title = "Tetris" }.ChallengeId, new Challenge { Title = "Tetris" }.ChallengeId);

    [Fact]
    public void A_given_id_is_kept() =>
        Assert.Equal("tetris", new Challenge { Title = "Tetris", ChallengeId = "tetris" }.ChallengeId);

    [Fact]
    public void A_new_challenge_is_open_and_belongs_to_admin()
    {
        var challenge = new Challenge { Title = "Tetris" };

        Assert.Null(challenge.ClosesOn);
        Assert.Equal("admin", challenge.CreatedBy);
        Assert.Equal("", challenge.Description);
    }
}
