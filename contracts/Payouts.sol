// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Credits that their owners pull, so that one payee who cannot receive coins blocks nobody.
abstract contract Payouts {
    /// What an address may withdraw, in wei.
    mapping(address owner => uint256) public credits;

    event Withdrawn(address indexed owner, address indexed to, uint256 amount);

    error WithdrawFailed();

    function _credit(address owner, uint256 amount) internal {
        credits[owner] += amount;
    }

    function _withdraw(address payable to) internal {
        uint256 amount = credits[msg.sender];
        if (amount == 0) return;
        credits[msg.sender] = 0;
        emit Withdrawn(msg.sender, to, amount);
        (bool sent,) = to.call{value: amount}("");
        if (!sent) revert WithdrawFailed();
    }
}
